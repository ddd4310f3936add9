/**
 * A client: it connects to any node, asks for this and that with several requests under way, reads slowly,
 * leaves, comes back on another node with what it has seen, and now and then takes a session over.
 */
import type {
  Consistency,
  CoordinatorAnswer,
  RequestMessage,
} from '../../../src/protocol/coordination.ts';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type { AttachOperation, AttachResult, Operation } from '../../../src/protocol/operations.ts';
import type { Answer, Conversation, Request } from '../checkers/requests.ts';
import type { WorkloadSwarm } from '../swarm.ts';
import type { Chance } from '../world/chance.ts';
import type { Life, Machine } from '../world/machine.ts';
import { drawAlone, drawOnStream } from './operations.ts';
import type { Drawing, Known } from './operations.ts';
import type { Clients } from './clients.ts';

/**
 * A node that has not answered for so long will not answer, milliseconds: longer than the waits of a request for
 * a zxid, for its session and for its commit together.
 */
const PATIENCE_MS = 18_000;

export class Client {
  readonly id: number;
  readonly #all: Clients;
  readonly #chance: Chance;
  readonly #workload: WorkloadSwarm;
  readonly #known: Known = new Map();
  #stream: Conversation | undefined;
  #attaching: Request | undefined;
  #session = 0;
  #seen = 0;
  #resumeFrom = 0;
  #watches: AttachOperation['watches'] = [];
  #requests = 0;
  readonly #alone = new Set<Request>();

  constructor(all: Clients, id: number, chance: Chance) {
    this.#all = all;
    this.id = id;
    this.#chance = chance;
    this.#workload = all.workload;
  }

  begin(): void {
    this.#all.world.afterMs(this.#chance.exponential(this.#workload.thinkMs), () => {
      this.#step();
      this.begin();
    });
  }

  /** Unanswered requests. */
  get unanswered(): number {
    return (this.#stream?.open.length ?? 0) + this.#alone.size;
  }

  get isConnected(): boolean {
    return this.#stream?.isAttached === true;
  }

  /** The process that it talks to is gone: what is unanswered is unknown for ever. */
  lost(life: Life): void {
    if (this.#stream?.life === life) this.#leave();
    for (const request of this.#alone) {
      if (this.#all.lifeOf(request) === life) this.#alone.delete(request);
    }
  }

  take(stream: Conversation, answer: CoordinatorAnswer): void {
    if (stream !== this.#stream) return;
    switch (answer.type) {
      case 'events':
        this.#all.answers.takeEvents(stream, answer);
        break;
      case 'gone':
        this.#all.answers.takeGone(stream, answer);
        break;
      case 'session':
        this.#sessionNews(stream, answer.state);
        break;
      case 'change':
        break;
      default:
        this.#answered(stream, answer);
    }
  }

  /** The answer of a request that stands alone. */
  takeAlone(request: Request, answer: Answer): void {
    this.#alone.delete(request);
    this.#all.answers.take(request, answer);
    this.#learn(answer);
    if (request.session !== 0 && answer.expiresInMs !== undefined) {
      this.#all.sessions.promised(request.session, answer.expiresInMs);
    }
    const isOver = answer.type === 'error' && answer.error.code === 'SESSIONEXPIRED';
    if (isOver && request.session === this.#session) this.#forgetSession();
  }

  /** Asks for something that shows everything that was done before. */
  check(): void {
    if (this.#stream?.isAttached === true) this.#ask({ type: 'sync' });
  }

  #step(): void {
    const stream = this.#stream;
    const { nowMs } = this.#all.world;
    if (stream === undefined) {
      this.#connect();
      return;
    }
    if (stream.open.length > 0 && nowMs - stream.headSinceMs > PATIENCE_MS) {
      this.#all.gaveUp(stream);
      this.#close(stream);
      return;
    }
    if (!stream.isAttached || this.#all.isQuiet) return;
    if (this.#chance.happens(this.#workload.restless)) {
      this.#close(stream);
      return;
    }
    if (this.#chance.happens(this.#workload.slowReaders)) this.#flow(stream, !stream.isBlocked);
    if (this.#chance.happens(0.1)) this.#askAlone();
    else if (stream.open.length < this.#workload.pipeline) this.#askOnStream();
  }

  #flow(stream: Conversation, ready: boolean): void {
    stream.isBlocked = !ready;
    this.#send(stream.life, [{ type: 'flow', stream: stream.id, ready }]);
    stream.headSinceMs = this.#all.world.nowMs;
    if (!ready) {
      const afterMs = this.#chance.exponential(1000);
      this.#all.world.afterMs(afterMs, () => {
        if (stream.isBlocked && !stream.isOver) this.#flow(stream, true);
      });
    }
  }

  #connect(): void {
    const machines = this.#all.machines.filter(({ isReachable }) => isReachable);
    if (machines.length === 0) return;
    const { life } = this.#chance.pick<Machine>(machines);
    if (life === undefined) return;
    const stream = this.#all.open(life, this);
    this.#stream = stream;
    if (this.#chance.happens(this.#workload.restless)) this.#takeOver();
    const grant = this.#all.sessions.grantOf(this.#session);
    const isNew = grant === undefined && this.#chance.happens(0.7);
    const session = grant ?? (isNew ? 'new' : 'none');
    const isResumed = grant !== undefined && this.#watches.length > 0;
    const operation: AttachOperation = {
      ...{ type: 'attach', session, identities: [] },
      timeoutMs: this.#workload.sessionTimeoutMs,
      watches: this.#watches,
      ...(isResumed && { resumeFrom: this.#resumeFrom }),
    };
    stream.session = grant?.id ?? 0;
    if (!isResumed) this.#watches = [];
    this.#attaching = this.#ask(isResumed ? operation : { ...operation, watches: [] }, {
      minZxid: this.#seen,
    });
  }

  /** Some session of somebody, as a client does that was copied with its token. */
  #takeOver(): void {
    const { ids } = this.#all.sessions;
    if (ids.length === 0) return;
    this.#session = this.#chance.pick(ids);
    this.#watches = [];
  }

  #drawing(): Drawing & { readonly number: number } {
    const number = (this.#requests += 1);
    return {
      ...{ chance: this.#chance, workload: this.#workload, known: this.#known, number },
      hasSession: (this.#stream?.session ?? 0) !== 0,
      tag: `c${this.id}r${number}`,
    };
  }

  #askOnStream(): void {
    const drawing = this.#drawing();
    const operation = drawOnStream(drawing);
    if (operation.type === 'endSession') this.#all.sessions.ending(this.#stream?.session ?? 0);
    this.#ask(operation, this.#extras(operation, drawing.tag));
  }

  #extras(operation: Operation, tag: string): Partial<RequestMessage> & { tag: string } {
    const isLinearizable = this.#chance.happens(0.3);
    const consistency: Consistency = isLinearizable ? 'linearizable' : 'local';
    const isKeyed = this.#chance.happens(0.1) && isIdempotent(operation);
    return {
      ...{ consistency, tag: isKeyed || isTagged(operation) ? tag : '' },
      ...(this.#chance.happens(0.05) && { minZxid: this.#seen }),
      ...(isKeyed && { idempotency: { key: tag, fingerprint: tag } }),
    };
  }

  #ask(operation: Operation, extras: Partial<RequestMessage> & { tag?: string } = {}): Request {
    const stream = this.#stream;
    if (stream === undefined) throw new Error('a client without a stream asks nothing');
    const { tag = '', ...rest } = extras;
    const id = (this.#requests += 1);
    const message: RequestMessage = { type: 'request', stream: stream.id, id, operation, ...rest };
    const { world, answers } = this.#all;
    const request: Request = {
      ...{ id, client: this.id, stream, operation, message, session: stream.session, tag },
      ...{ askedAtMs: world.nowMs, floor: answers.shown, committedAt: 0, outcome: 'open' },
    };
    if (stream.open.length === 0) stream.headSinceMs = world.nowMs;
    stream.open.push(request);
    this.#all.asked(request);
    this.#send(stream.life, [message], () => this.#all.sessions.heardOn(stream));
    return request;
  }

  #askAlone(): void {
    const stream = this.#stream;
    const machine = this.#chance.pick(this.#all.machines);
    const { life } = machine;
    if (stream === undefined || life?.replica === undefined || this.#alone.size > 8) return;
    const drawing = this.#drawing();
    const operation = drawAlone(drawing);
    const { tag, ...extras } = this.#extras(operation, drawing.tag);
    const id = this.#all.nextAlone();
    const grant = this.#all.sessions.grantOf(this.#session);
    const caller = { identities: [], ...(grant !== undefined && { session: grant }) };
    const message: RequestMessage = {
      ...{ type: 'request', stream: 0, id, operation, caller, ...extras },
      minZxid: Math.max(extras.minZxid ?? 0, grant?.id ?? 0),
    };
    const request: Request = {
      ...{ id, client: this.id, stream: undefined, operation, message, tag },
      ...{ session: grant?.id ?? 0, askedAtMs: this.#all.world.nowMs },
      ...{ floor: this.#all.answers.shown, committedAt: 0, outcome: 'open' },
    };
    this.#alone.add(request);
    this.#all.askedAlone(request, life);
    life.machine.submit([message], () => {
      if (grant !== undefined) this.#all.sessions.heard(grant.id, life);
    });
  }

  #send(life: Life, ...given: Parameters<Machine['submit']>): void {
    if (life.machine.life === life) life.machine.submit(...given);
  }

  #answered(stream: Conversation, answer: Answer): void {
    const request = stream.open[0];
    if (answer.id === 0 && answer.type === 'error') {
      this.#leave();
      return;
    }
    const isInOrder = this.#all.inOrder(stream, request, answer);
    if (request === undefined || !isInOrder) return;
    stream.open.shift();
    stream.headSinceMs = this.#all.world.nowMs;
    this.#all.answers.take(request, answer);
    this.#learn(answer);
    if (request === this.#attaching) this.#attached(stream, request, answer);
    if (answer.type === 'error') {
      if (answer.error.code === 'SESSIONEXPIRED') this.#forgetSession();
      if (answer.ends === true) this.#leave();
      return;
    }
    if (request.operation.type === 'endSession') {
      this.#forgetSession();
      this.#close(stream);
    }
  }

  #attached(stream: Conversation, { operation, message }: Request, answer: Answer): void {
    this.#attaching = undefined;
    if (answer.type === 'error') {
      if (answer.ends !== true) this.#close(stream);
      return;
    }
    const { session } = answer.result as AttachResult;
    if (operation.type !== 'attach') return;
    const { zxid } = answer;
    this.#all.requireAtLeast(stream, zxid, message.minZxid ?? 0);
    stream.isAttached = true;
    stream.toldUpTo = operation.resumeFrom ?? zxid;
    for (const { path, mode } of operation.watches) stream.watches.add(path, mode);
    stream.session = session?.id ?? 0;
    this.#session = stream.session;
    if (session === undefined) return;
    if (session.secret !== undefined) {
      this.#all.sessions.granted({ id: session.id, secret: session.secret }, session.timeoutMs);
    }
    this.#all.connected(stream, session.timeoutMs, zxid);
  }

  /** Versions for conditions, and how far the client has seen. */
  #learn(answer: Answer): void {
    this.#seen = Math.max(this.#seen, answer.zxid);
    if (answer.type === 'error' || !('stat' in answer.result)) return;
    const { path, stat } = answer.result;
    this.#known.set(path, { version: stat.version, czxid: stat.czxid });
  }

  #sessionNews(stream: Conversation, state: 'expired' | 'moved'): void {
    this.#all.sessionNews(stream, state);
    if (state === 'expired') this.#forgetSession();
    // Whoever is moved lets the other one have it, or takes it back.
    else if (this.#chance.happens(0.7)) this.#forgetSession();
    this.#leave();
  }

  #forgetSession(): void {
    this.#session = 0;
    this.#watches = [];
  }

  #close(stream: Conversation): void {
    this.#send(stream.life, [{ type: 'close', stream: stream.id }]);
    this.#leave();
  }

  /** Keeps what the next stream goes on with. */
  #leave(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    stream.isOver = true;
    this.#stream = undefined;
    this.#attaching = undefined;
    this.#all.closed(stream);
    if (!stream.isAttached || stream.session !== this.#session) return;
    this.#resumeFrom = stream.toldUpTo;
    this.#watches = stream.watches.persistent.map(({ path, mode }) => ({
      path: path as ZnodePath,
      mode,
    }));
  }
}

/** Its data says whose it is. */
function isTagged(operation: Operation): boolean {
  if (operation.type === 'multi') return operation.operations.some((member) => 'data' in member);
  return 'data' in operation;
}

function isIdempotent({ type }: Operation): boolean {
  return ['create', 'put', 'set', 'delete', 'multi'].includes(type);
}
