/**
 * A client: it connects to any node, asks for this and that with several requests under way, reads slowly,
 * leaves, comes back on another node with what it has seen, and now and then takes a session over.
 */
import type { CoordinatorAnswer, SessionAnswer } from '../../../src/protocol/coordination.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type { AttachOperation, AttachResult, Operation } from '../../../src/protocol/operations.ts';
import { newDeed } from '../checkers/requests.ts';
import type { Answer, Conversation, Request } from '../checkers/requests.ts';
import type { WorkloadSwarm } from '../swarm.ts';
import type { Chance } from '../world/chance.ts';
import type { Life } from '../world/machine.ts';
import { Alone } from './alone.ts';
import type { Clients } from './clients.ts';
import { Line } from './line.ts';
import type { Extras } from './line.ts';
import { LockSeeker } from './lock-seeker.ts';
import { drawAlone, drawEphemeral, drawOnStream, identityOf } from './operations.ts';
import type { Drawing, Known } from './operations.ts';
import { Repeats } from './repeats.ts';
import type { User } from './user.ts';

/** Unanswered requests that stand alone. */
const ALONE_MAX = 8;

/** A client that is silent is so for so many timeouts of its session, at least. */
const NAP = 1.5;

export class Client implements User {
  readonly id: number;
  readonly #all: Clients;
  readonly #chance: Chance;
  readonly #workload: WorkloadSwarm;
  readonly #identities: readonly Identity[];
  readonly #known: Known = new Map();
  readonly #alone: Alone;
  readonly #repeats: Repeats;
  readonly #lock: LockSeeker | undefined;
  #line: Line | undefined;
  #attaching: Request | undefined;
  #session = 0;
  #seen = 0;
  #resumeFrom = 0;
  #watches: AttachOperation['watches'] = [];
  #tags = 0;
  /** It has asked for the end of its session, and asks for nothing behind that. */
  #isEnding = false;

  constructor(all: Clients, id: number, chance: Chance) {
    this.#all = all;
    this.id = id;
    this.#chance = chance;
    this.#workload = all.workload;
    this.#identities = all.workload.acls > 0 ? [identityOf(id)] : [];
    this.#alone = new Alone(all, id);
    this.#repeats = new Repeats(chance);
    this.#lock = id <= all.workload.lockers ? new LockSeeker(chance) : undefined;
  }

  begin(): void {
    this.#stepAfterMs(this.#chance.exponential(this.#workload.thinkMs));
  }

  #stepAfterMs(ms: number): void {
    const { naps, sessionTimeoutMs } = this.#workload;
    this.#all.world.afterMs(ms, () => {
      this.#step();
      const isNapping = naps > 0 && this.#chance.happens(naps);
      const thinkMs = this.#chance.exponential(this.#workload.thinkMs);
      this.#stepAfterMs(isNapping ? NAP * sessionTimeoutMs + thinkMs : thinkMs);
    });
  }

  get unanswered(): number {
    return (this.#line?.stream.open.length ?? 0) + this.#alone.unanswered;
  }

  lost(life: Life): void {
    if (this.#line?.stream.life === life) this.#leave();
    for (const request of this.#alone.lost(life)) this.#repeats.ended(request);
  }

  take(stream: Conversation, answer: CoordinatorAnswer): void {
    const line = this.#line;
    if (stream !== line?.stream) return;
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
        this.#answered(line, answer);
    }
  }

  takeAlone(request: Request, answer: Answer): void {
    this.#alone.answered(request);
    this.#all.answers.take(request, answer);
    this.#learn(request, answer);
    const { session } = request;
    if (session !== 0 && answer.expiresInMs !== undefined) {
      this.#all.sessions.promised(session, answer.expiresInMs);
    }
    const isOver = answer.type === 'error' && answer.error.code === 'SESSIONEXPIRED';
    if (isOver && session === this.#session) this.#forgetSession();
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
    if (line.isStuck()) {
      this.#close(line);
      return;
    }
    const { stream } = line;
    if (this.#all.isQuiet) line.unblock();
    if (!stream.isAttached || this.#all.isQuiet || this.#isEnding) return;
    // Some hold still until they hear more, others go on as if nothing was.
    if (stream.isSuspended && this.id % 2 === 0) return;
    if (this.#chance.happens(this.#workload.restless)) {
      this.#close(line);
      return;
    }
    if (this.#chance.happens(this.#workload.slowReaders)) {
      line.block(this.#chance.exponential(this.#workload.slowMs));
    }
    for (let count = this.#workload.burst; count > 0; count -= 1) this.#askSomething(line);
  }

  #askSomething(line: Line): void {
    if (this.#isEnding) return;
    if (this.#chance.happens(this.#workload.alone)) this.#askAlone();
    else if (line.stream.open.length < this.#workload.pipeline) this.#askOnStream(line);
  }

  #connect(): void {
    const life = this.#all.pickLife(this.#chance);
    if (life === undefined) return;
    if (this.#chance.happens(this.#workload.takeovers)) this.#takeOver();
    const line = new Line(this.#all, life, { client: this.id, identities: this.#identities });
    this.#line = line;
    this.#isEnding = false;
    const grant = this.#all.sessions.grantOf(this.#session);
    const isNew = grant === undefined && this.#chance.happens(0.7);
    const isResumed = grant !== undefined && this.#watches.length > 0;
    const operation: AttachOperation = {
      ...{ type: 'attach', session: grant ?? (isNew ? 'new' : 'none'), identities: [] },
      timeoutMs: this.#workload.sessionTimeoutMs,
      watches: isResumed ? this.#watches : [],
      ...(isResumed && { resumeFrom: this.#resumeFrom }),
    };
    line.stream.session = grant?.id ?? 0;
    this.#attaching = line.ask(operation, { minZxid: this.#seen });
  }

  /** Some session of somebody, as a client does that was copied with its token. */
  #takeOver(): void {
    const { ids } = this.#all.sessions;
    if (ids.length === 0) return;
    this.#forgetSession();
    this.#session = this.#chance.pick(ids);
  }

  #drawing(): Drawing {
    this.#tags += 1;
    return {
      ...{ chance: this.#chance, workload: this.#workload, known: this.#known },
      session: this.#line?.stream.session ?? 0,
      tag: `c${this.id}r${this.#tags}`,
      watched: this.#line?.stream.watches,
    };
  }

  #askOnStream(line: Line): void {
    const { session } = line.stream;
    if (this.#chance.happens(this.#workload.keyed)) {
      const again = this.#repeats.take(session);
      if (again !== undefined) {
        const { message, deed, operation } = again;
        line.ask(operation, { ...keyOf(message), deed });
        return;
      }
    }
    const drawing = this.#drawing();
    const operation = this.#lockStep(drawing) ?? drawOnStream(drawing);
    if (operation.type === 'endSession') {
      this.#end(line, operation);
      return;
    }
    const request = line.ask(operation, this.#extras(operation, drawing.tag));
    if (this.#chance.happens(0.2)) this.#insist(request);
  }

  /** Ends the session, with something under way before and beside that. */
  #end(line: Line, operation: Operation): void {
    const { session } = line.stream;
    if (this.#chance.happens(0.5)) {
      const drawing = this.#drawing();
      line.ask(drawEphemeral(drawing), { deed: newDeed(drawing.tag) });
    }
    this.#all.sessions.ending(session);
    this.#isEnding = true;
    line.ask(operation);
    for (let count = this.#chance.below(4); count > 0; count -= 1) {
      this.#all.world.afterMs(this.#chance.exponential(5), () => this.#askBeside(session));
    }
  }

  #askBeside(session: number): void {
    const life = this.#all.pickLife(this.#chance);
    const grant = this.#all.sessions.grantOf(session);
    if (life === undefined || grant === undefined || this.#all.isQuiet) return;
    const drawing = this.#drawing();
    const caller = { identities: this.#identities, session: grant };
    this.#alone.ask(life, drawEphemeral(drawing), { deed: newDeed(drawing.tag), caller });
    this.#askWhether(session);
  }

  /** Whether the session still lives, as a node says that may not have heard of its end. */
  #askWhether(session: number): void {
    const life = this.#all.pickLife(this.#chance);
    if (life === undefined || this.#all.isQuiet) return;
    const caller = {
      identities: this.#identities,
      session: this.#all.sessions.grantOf(session),
    };
    this.#alone.ask(life, { type: 'whoami' }, { consistency: 'linearizable', caller });
  }

  #lockStep({ session, tag }: Drawing): Operation | undefined {
    return session !== 0 && this.#chance.happens(0.3) ? this.#lock?.next(tag) : undefined;
  }

  #extras(operation: Operation, tag: string): Extras {
    const isWrite = isIdempotent(operation) || operation.type === 'setAcl';
    const isKeyed = isIdempotent(operation) && this.#chance.happens(this.#workload.keyed);
    const isAcked = isWrite && this.#chance.happens(this.#workload.acks);
    const isLinearizable = this.#chance.happens(0.3);
    return {
      ...(isRead(operation) && { consistency: isLinearizable ? 'linearizable' : 'local' }),
      ...(this.#chance.happens(0.05) && { minZxid: this.#seen }),
      ...(isAcked && { acks: this.#chance.happens(0.5) ? 'all' : this.#chance.between(1, 3) }),
      ...(isKeyed && { idempotency: { key: tag, fingerprint: tag } }),
      deed: newDeed(isKeyed || isTagged(operation) ? tag : ''),
    };
  }

  #askAlone(): void {
    const life = this.#all.pickLife(this.#chance);
    if (life === undefined || this.#alone.unanswered > ALONE_MAX) return;
    const grant = this.#all.sessions.grantOf(this.#session);
    const again = this.#chance.happens(0.5) ? this.#repeats.take(grant?.id ?? 0) : undefined;
    if (again !== undefined) {
      this.#repeat(again, life);
      return;
    }
    const drawing = this.#drawing();
    const operation = drawAlone({ ...drawing, session: grant?.id ?? 0 });
    const extras = this.#extras(operation, drawing.tag);
    const caller = { identities: this.#identities, session: grant };
    const request = this.#alone.ask(life, operation, { ...extras, caller });
    if (this.#chance.happens(0.2)) this.#insist(request);
  }

  /** The same once more, elsewhere, before there is an answer: a proxy does so that has lost patience. */
  #insist(request: Request): void {
    const life = this.#all.pickLife(this.#chance);
    if (request.message.idempotency !== undefined && life !== undefined)
      this.#repeat(request, life);
  }

  #repeat({ message, operation, deed, session }: Request, life: Life): void {
    const caller = { identities: this.#identities, session: this.#all.sessions.grantOf(session) };
    this.#alone.ask(life, operation, { ...keyOf(message), deed, caller });
  }

  #answered(line: Line, answer: Answer): void {
    const request = line.settle(answer);
    if (request === undefined) {
      this.#leave();
      return;
    }
    this.#learn(request, answer);
    if (request === this.#attaching) this.#attached(line, request, answer);
    if (answer.type === 'error') {
      if (request.operation.type === 'endSession') this.#isEnding = false;
      if (answer.error.code === 'SESSIONEXPIRED') this.#forgetSession();
      if (answer.ends === true) this.#leave();
    } else if (request.operation.type === 'endSession') {
      this.#askWhether(request.session);
      this.#forgetSession();
      this.#close(line);
    }
  }

  #attached(line: Line, request: Request, answer: Answer): void {
    this.#attaching = undefined;
    if (answer.type === 'error') {
      if (answer.ends !== true) this.#close(line);
      return;
    }
    const { stream } = line;
    const { session } = answer.result as AttachResult;
    const { zxid } = answer;
    this.#all.requireAtLeast(stream, zxid, request.message.minZxid ?? 0);
    stream.isAttached = true;
    this.#all.answers.attached(stream, request, zxid);
    stream.session = session?.id ?? 0;
    this.#session = stream.session;
    if (session === undefined) return;
    if (session.secret !== undefined) {
      this.#all.sessions.granted({ id: session.id, secret: session.secret }, session.timeoutMs);
    }
    this.#all.connected(stream, session.timeoutMs, zxid);
  }

  /** Versions for conditions, how far the client has seen, and what it has to ask again. */
  #learn(request: Request, answer: Answer): void {
    this.#seen = Math.max(this.#seen, answer.zxid);
    this.#repeats.ended(request);
    this.#lock?.learn(request, answer, this.#all.answers.locks);
    if (answer.type === 'error' || !('stat' in answer.result)) return;
    const { path, stat } = answer.result;
    this.#known.set(path, { version: stat.version, czxid: stat.czxid });
  }

  #sessionNews(stream: Conversation, state: SessionAnswer['state']): void {
    this.#all.sessionNews(stream, state);
    if (state === 'suspended' || state === 'connected') return;
    if (state === 'expired') this.#forgetSession();
    // Whoever is moved lets the other one have it, or takes it back.
    else if (this.#chance.happens(0.7)) this.#forgetSession();
    this.#leave();
  }

  #forgetSession(): void {
    this.#repeats.forget(this.#session);
    this.#lock?.forget();
    this.#session = 0;
    this.#watches = [];
  }

  #close(line: Line): void {
    line.close();
    this.#leave();
  }

  /** Keeps what the next stream goes on with. */
  #leave(): void {
    const line = this.#line;
    if (line === undefined) return;
    line.end();
    const { stream } = line;
    this.#line = undefined;
    this.#attaching = undefined;
    this.#isEnding = false;
    this.#lock?.forget();
    for (const request of stream.open) this.#repeats.ended(request);
    if (!stream.isAttached || stream.session !== this.#session) return;
    this.#resumeFrom = stream.toldUpTo;
    this.#watches = stream.watches.all;
  }
}

function keyOf({ idempotency }: Request['message']): Extras {
  return idempotency === undefined ? {} : { idempotency };
}

/** Its data says whose it is. */
function isTagged(operation: Operation): boolean {
  if (operation.type === 'multi') return operation.operations.some((member) => 'data' in member);
  return 'data' in operation;
}

function isRead({ type }: Operation): boolean {
  return !['watch', 'unwatch', 'endSession', 'setAcl'].includes(type) && !isIdempotent({ type });
}

function isIdempotent({ type }: Pick<Operation, 'type'>): boolean {
  return ['create', 'put', 'set', 'delete', 'multi'].includes(type);
}
