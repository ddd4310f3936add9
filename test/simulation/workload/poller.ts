/**
 * A long poll over HTTP: a read, a wait for a change of what was read, and a read again, all on one node. It never
 * comes to be woken for nothing, nor to sleep through a change.
 */
import type { CoordinatorAnswer } from '../../../src/protocol/coordination.ts';
import type { Identity, ZnodePath } from '../../../src/protocol/model.ts';
import type { Answer, Conversation, Request } from '../checkers/requests.ts';
import { Wakes } from '../checkers/wakes.ts';
import type { Chance } from '../world/chance.ts';
import type { Life } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import { Alone } from './alone.ts';
import type { Clients } from './clients.ts';
import { Line } from './line.ts';
import { identityOf, parentOf, pathOf } from './operations.ts';
import type { User } from './user.ts';

/** Mean time that a poll waits, milliseconds. */
const WAIT_MS = 3000;

/** One poll, from the first read to the last. */
interface Poll {
  readonly life: Life;
  readonly path: ZnodePath;
  /** What the first read has shown; undefined until then. */
  known: string | undefined;
  line: Line | undefined;
  wakes: Wakes | undefined;
  /** The read behind a wake-up must show at least this. */
  least: number;
  isReading: boolean;
  isLast: boolean;
}

export class Poller implements User {
  readonly id: number;
  readonly #all: Clients;
  readonly #chance: Chance;
  readonly #alone: Alone;
  readonly #identities: readonly Identity[];
  #poll: Poll | undefined;

  constructor(all: Clients, id: number, chance: Chance) {
    this.#all = all;
    this.id = id;
    this.#chance = chance;
    this.#alone = new Alone(all, id);
    const { acls, clients } = all.workload;
    this.#identities = acls > 0 ? [identityOf(1 + (id % clients))] : [];
  }

  get unanswered(): number {
    return this.#alone.unanswered + (this.#poll?.line?.stream.open.length ?? 0);
  }

  begin(): void {
    const { world, workload } = this.#all;
    world.afterMs(this.#chance.exponential(2 * workload.thinkMs), () => {
      this.#step();
      this.begin();
    });
  }

  take(stream: Conversation, answer: CoordinatorAnswer): void {
    const poll = this.#poll;
    const line = poll?.line;
    if (poll === undefined || line?.stream !== stream) return;
    if (answer.type === 'change') {
      poll.wakes?.woken(answer.zxid);
      this.#woken(poll, answer.zxid);
    } else if (answer.type === 'session') {
      this.#all.sessionNews(stream, answer.state);
      // The door answers the request with a failure.
      this.#end(poll);
    } else if (answer.type === 'gone') this.#end(poll);
    else if (answer.type === 'result' || answer.type === 'error') {
      const request = line.settle(answer);
      if (request === undefined || answer.type === 'error') this.#end(poll);
      else if (request.operation.type === 'watch') {
        poll.wakes = new Wakes(this.#all.commits, poll.path, answer.zxid);
        this.#woken(poll, answer.zxid);
      } else poll.wakes?.shown(answer.zxid);
    }
  }

  takeAlone(request: Request, answer: Answer): void {
    this.#alone.answered(request);
    this.#all.answers.take(request, answer);
    const poll = this.#poll;
    if (poll?.isReading !== true) return;
    poll.isReading = false;
    const tag = tagOf(answer);
    if (answer.zxid < poll.least) {
      violated(
        `C-5: a poll of ${poll.path} is answered from ${answer.zxid}, woken by ${poll.least}`,
      );
    }
    if (tag === undefined) this.#end(poll);
    else if (poll.known === undefined) {
      poll.known = tag;
      this.#wait(poll);
    } else if (poll.known !== tag || poll.isLast) this.#end(poll);
    else if (answer.zxid < poll.least) this.#read(poll);
  }

  lost(life: Life): void {
    this.#alone.lost(life);
    if (this.#poll?.life === life) this.#end(this.#poll);
  }

  check(): void {
    this.#poll?.line?.ask({ type: 'sync' });
  }

  #step(): void {
    const poll = this.#poll;
    if (poll === undefined) {
      if (!this.#all.isQuiet) this.#beginPoll();
      return;
    }
    const { line } = poll;
    if (line === undefined) return;
    if (line.isStuck()) this.#end(poll);
    else if (!this.#all.isQuiet && line.stream.open.length === 0) line.ask({ type: 'ping' });
  }

  #beginPoll(): void {
    const life = this.#all.pickLife(this.#chance);
    if (life === undefined) return;
    const { workload } = this.#all;
    const drawing = { chance: this.#chance, workload, known: new Map(), session: 0, tag: '' };
    const path = this.#chance.happens(0.5) ? parentOf(drawing) : pathOf(drawing);
    this.#poll = {
      ...{ life, path, known: undefined, line: undefined, wakes: undefined },
      ...{ least: 0, isReading: false, isLast: false },
    };
    this.#read(this.#poll);
  }

  #read(poll: Poll): void {
    if (poll.isReading) return;
    poll.isReading = true;
    const consistency = poll.known === undefined ? 'linearizable' : 'local';
    const caller = { identities: this.#identities };
    this.#alone.ask(poll.life, { type: 'get', path: poll.path }, { consistency, caller });
  }

  #wait(poll: Poll): void {
    const line = new Line(this.#all, poll.life, { client: this.id, identities: this.#identities });
    poll.line = line;
    line.ask({ type: 'watch', path: poll.path, mode: 'change' });
    this.#all.world.afterMs(this.#chance.exponential(WAIT_MS), () => {
      if (this.#poll !== poll) return;
      poll.isLast = true;
      this.#read(poll);
    });
  }

  #woken(poll: Poll, zxid: number): void {
    if (!poll.isReading) poll.least = zxid;
    this.#read(poll);
  }

  #end(poll: Poll): void {
    poll.line?.close();
    if (this.#poll === poll) this.#poll = undefined;
  }
}

/** As an ETag; undefined where the poll ends in a failure. */
function tagOf(answer: Answer): string | undefined {
  if (answer.type === 'error') return answer.error.code === 'NONODE' ? 'none' : undefined;
  if (!('stat' in answer.result)) return undefined;
  const { version, czxid } = answer.result.stat;
  return `${version}.${czxid}`;
}
