/**
 * An event stream over HTTP: a stream without a session that has one watch, and when it breaks goes on, on any
 * node, after the last zxid up to which it was told everything.
 */
import type { CoordinatorAnswer } from '../../../src/protocol/coordination.ts';
import type { WatchOperation } from '../../../src/protocol/operations.ts';
import type { Answer, Conversation, Request } from '../checkers/requests.ts';
import type { Chance } from '../world/chance.ts';
import type { Life } from '../world/machine.ts';
import type { Clients } from './clients.ts';
import { Line } from './line.ts';
import { identityOf, parentOf, pathOf } from './operations.ts';
import type { User } from './user.ts';

export class Listener implements User {
  readonly id: number;
  readonly #all: Clients;
  readonly #chance: Chance;
  #line: Line | undefined;
  #watch: Pick<WatchOperation, 'path' | 'mode' | 'with'> | undefined;
  /** Up to here it was told everything; 0 = it begins anew. */
  #from = 0;

  constructor(all: Clients, id: number, chance: Chance) {
    this.#all = all;
    this.id = id;
    this.#chance = chance;
  }

  get unanswered(): number {
    return this.#line?.stream.open.length ?? 0;
  }

  begin(): void {
    const { thinkMs } = this.#all.workload;
    this.#all.world.afterMs(this.#chance.exponential(2 * thinkMs), () => {
      this.#step();
      this.begin();
    });
  }

  take(stream: Conversation, answer: CoordinatorAnswer): void {
    const line = this.#line;
    if (line?.stream !== stream) return;
    const { answers } = this.#all;
    switch (answer.type) {
      case 'events':
        answers.takeEvents(stream, answer);
        break;
      case 'gone':
        // A door ends the stream there: its client has to look again.
        answers.takeGone(stream, answer);
        this.#forget();
        line.close();
        break;
      case 'session':
        this.#all.sessionNews(stream, answer.state);
        if (answer.state !== 'suspended') break;
        // A door ends the stream there, and its client goes on elsewhere.
        this.#leave();
        line.close();
        break;
      case 'result':
      case 'error':
        this.#answered(line, answer);
        break;
      default:
    }
  }

  takeAlone(): void {
    throw new Error('a listener asks for nothing beside its stream');
  }

  lost(life: Life): void {
    if (this.#line?.stream.life === life) this.#leave();
  }

  check(): void {
    this.#line?.unblock();
    if (this.#line?.stream.isAttached === true) this.#line.ask({ type: 'sync' });
  }

  #step(): void {
    const line = this.#line;
    if (line === undefined) {
      this.#connect();
      return;
    }
    const { workload, isQuiet } = this.#all;
    const isRestless = !isQuiet && this.#chance.happens(workload.restless);
    if (line.isStuck() || isRestless) {
      this.#leave();
      line.close();
      return;
    }
    if (isQuiet) line.unblock();
    if (isQuiet || !line.stream.isAttached) return;
    if (this.#chance.happens(workload.slowReaders)) {
      line.block(this.#chance.exponential(workload.slowMs));
    }
    // Its answer is what a bookmark says.
    if (line.stream.open.length === 0) line.ask({ type: 'ping' }, { unprompted: true });
  }

  #connect(): void {
    const life = this.#all.pickLife(this.#chance);
    if (life === undefined) return;
    const chance = this.#chance;
    const { workload } = this.#all;
    if (this.#watch === undefined || chance.happens(0.2)) this.#forget();
    const drawing = { chance, workload, known: new Map(), session: 0, tag: '' };
    this.#watch ??= {
      path: chance.happens(0.5) ? parentOf(drawing) : pathOf(drawing),
      mode: chance.pick(['persistent', 'persistent-recursive', 'data', 'children'] as const),
      ...(chance.happens(0.5) && { with: chance.pick(['stat', 'data'] as const) }),
    };
    const identities = workload.acls > 0 ? [identityOf(1 + (this.id % workload.clients))] : [];
    const line = new Line(this.#all, life, { client: this.id, identities });
    this.#line = line;
    const isNew = this.#from === 0;
    line.ask({
      ...{ type: 'watch', ...this.#watch },
      ...(!isNew && { from: this.#from }),
      ...(isNew && chance.happens(0.5) && { initial: true }),
    });
  }

  #answered(line: Line, answer: Answer): void {
    const request = line.settle(answer);
    if (request?.operation.type === 'watch') this.#watched(line, request, answer);
    const isOver = request === undefined || (answer.type === 'error' && answer.ends === true);
    if (isOver && this.#line === line) this.#leave();
  }

  #watched(line: Line, { operation }: Request, answer: Answer): void {
    const { stream } = line;
    if (answer.type === 'error') {
      if (answer.error.code !== 'BEHIND') this.#forget();
      this.#line = undefined;
      line.close();
      return;
    }
    const from = 'from' in operation ? operation.from : undefined;
    stream.isAttached = true;
    stream.toldUpTo = from ?? answer.zxid;
  }

  #forget(): void {
    this.#watch = undefined;
    this.#from = 0;
    this.#line = undefined;
  }

  #leave(): void {
    const line = this.#line;
    this.#line = undefined;
    if (line === undefined) return;
    line.end();
    // A watch that was used up is over, and so is its stream.
    const [isThere] = line.stream.watches.all;
    if (!line.stream.isAttached) return;
    if (isThere === undefined) this.#forget();
    else this.#from = line.stream.toldUpTo;
  }
}
