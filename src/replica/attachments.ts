/**
 * Sessions in time: who may speak for one, which stream it is attached to, when it ends. The replicated
 * part (that a session exists) is in the session table; deadlines are the leader's alone.
 */
import { assert } from '../protocol/assert.ts';
import type { Caller, SessionCredential } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import type { SessionId, WatchMode, ZnodePath, Zxid } from '../protocol/model.ts';
import type {
  AttachOperation,
  AttachResult,
  Operation,
  Result,
  SessionResult,
} from '../protocol/operations.ts';
import { compareOneShot } from '../sessions/index.ts';
import { canRead } from '../tree/index.ts';
import type { Authority } from './acceptance.ts';
import type { Core } from './core.ts';
import { hashSecret, secretBytes, secretText, verifyCredential } from './credentials.ts';
import type { EventDelivery } from './events.ts';
import { nobody } from './caller.ts';
import type { ResolvedCaller } from './caller.ts';
import type { SessionLives } from './lives.ts';
import type { Registration } from './peer-messages.ts';
import type { Pending } from './stream.ts';
import { sessionGone } from './reads.ts';
import type { Reads } from './reads.ts';
import type { Stream } from './stream.ts';

export interface AttachmentParts {
  readonly core: Core;
  readonly reads: Reads;
  readonly events: EventDelivery;
  readonly lives: SessionLives;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What becomes of a stream's end. */
export interface AttachmentHooks {
  /** Ends the stream's requests without a word: a newer one has its session, or the session is over. */
  abandon(stream: Stream): void;
  /** The stream has ended; its session lives on. */
  detach(session: SessionId, generation: Zxid): void;
}

export class Attachments {
  readonly #core: Core;
  readonly #reads: Reads;
  readonly #events: EventDelivery;
  readonly #lives: SessionLives;
  readonly #randomBytes: (count: number) => Uint8Array;
  #hooks: AttachmentHooks | undefined;

  constructor(parts: AttachmentParts) {
    this.#core = parts.core;
    this.#reads = parts.reads;
    this.#events = parts.events;
    this.#lives = parts.lives;
    this.#randomBytes = parts.randomBytes;
  }

  listen(hooks: AttachmentHooks): void {
    this.#hooks = hooks;
  }

  /**
   * The caller of a request that stands alone; its arrival is a sign of life.
   * @throws CoordinationError AUTHFAILED, SESSIONEXPIRED
   */
  resolve(caller: Caller | undefined): ResolvedCaller {
    if (caller === undefined) return nobody;
    const { identities, session } = caller;
    if (session === undefined) return { identities, session: 0 };
    this.#verify(session);
    if (!this.#lives.touchAlone(session.id)) throw sessionGone(session.id);
    return { identities, session: session.id };
  }

  /** A stream has been opened; it may end with a session that it is not attached to. */
  opened(stream: Stream): void {
    const { carries } = stream;
    if (carries === 0) return;
    const others = this.#core.carriers.get(carries);
    if (others === undefined) this.#core.carriers.set(carries, new Set([stream]));
    else others.add(stream);
    // It was judged by the request before; it may have ended since, and no other end will be told.
    const { sessions } = this.#core.state;
    if (carries <= this.#core.zxid && !sessions.has(carries)) this.#tellEndSoon(stream);
  }

  /** A sign of life of the stream's session. */
  touch(stream: Stream): void {
    const { session } = stream;
    if (session !== undefined) this.#lives.touch(session.id, session.timeoutMs);
  }

  /** Begins `newSession`, `attach` or `endSession`. @throws CoordinationError */
  begin(pending: Pending, authority: Authority): 'ready' | 'waiting' {
    const { operation, stream } = pending;
    switch (operation.type) {
      case 'newSession':
        this.#createSession(pending, authority, operation.timeoutMs);
        return 'waiting';
      case 'attach':
        return this.#beginAttach(pending, operation, authority);
      case 'endSession': {
        const id = stream?.session?.id ?? 0;
        if (id === 0) throw new CoordinationError('SESSIONREQUIRED', 'close: there is no session');
        authority.write(pending, { type: 'closeSession', session: id });
        if (stream !== undefined) stream.endingSession = true;
        return 'waiting';
      }
      default:
        throw new CoordinationError('BADARGUMENTS', `${operation.type} is no session operation`);
    }
  }

  /**
   * What takes effect when an attach's turn comes, its record applied.
   * @returns undefined when a newer stream has the session by now: this one has ended
   * @throws CoordinationError SESSIONEXPIRED, QUOTAEXCEEDED
   */
  attach(pending: Pending): Result | undefined {
    const { operation, stream } = pending;
    assert(operation.type === 'attach', 'only an attach attaches');
    assert(stream !== undefined, 'an attach comes on a stream');
    // Others may have taken the room since it was asked for.
    this.#reads.requireWatchRoom(stream, operation.watches.length);
    const { session } = operation;
    if (session === 'none') return { resumed: false } satisfies AttachResult;
    const { generation } = stream;
    const id = session === 'new' ? generation : session.id;
    // One whose end is only in the log lives on when that record is lost: it is told when it is applied.
    if (!this.#core.state.sessions.has(id)) throw sessionGone(id);
    if (this.#core.state.sessions.generationOf(id) !== generation) {
      this.moved(stream);
      return undefined;
    }
    const timeoutMs = this.#timeoutFor(id, operation.timeoutMs);
    stream.attaching = 0;
    stream.bind({ id, timeoutMs });
    this.#core.attached.set(id, stream);
    // Its record is committed, and the leader that made it had counted the request as a sign of life.
    this.#lives.confirm(id, pending.askedMs);
    this.#lives.touch(id, timeoutMs);
    // It is answered as of the state in which its watches begin, which may be later than its record.
    pending.zxid = 0;
    const { secret } = pending;
    const binding = secret === undefined ? { id, timeoutMs } : { id, timeoutMs, secret };
    return { session: binding, resumed: session !== 'new' } satisfies AttachResult;
  }

  /** After `connected` has been sent: its watches, what they missed first. */
  #attached(stream: Stream, operation: AttachOperation): void {
    const { resumeFrom, watches } = operation;
    const from = resumeFrom ?? this.#core.zxid;
    const missed: {
      type: 'NodeCreated' | 'NodeDeleted' | 'NodeDataChanged' | 'NodeChildrenChanged';
      path: ZnodePath;
    }[] = [];
    const replayed = watches.filter(({ mode }) => !isOneShot(mode));
    for (const { path, mode } of replayed) this.#reads.addWatch(stream, path, mode);
    if (replayed.length > 0 && from < this.#core.zxid) this.#events.startLagging(stream, from);
    // After the replay has begun, so that it does not use up what is armed as of now.
    for (const { path, mode } of watches) {
      if (!isOneShot(mode)) continue;
      const type = this.#compare(stream, { path, mode }, from);
      if (type === undefined) this.#reads.addWatch(stream, path, mode);
      else if (type !== 'withheld') missed.push({ type, path });
    }
    if (missed.length > 0) {
      const { zxid } = this.#core;
      this.#core.outbox.pushTo(stream, zxid, {
        type: 'events',
        stream: stream.id,
        zxid,
        events: missed,
      });
    }
    if (stream.lagging) this.#events.schedulePump(stream);
  }

  /** The answer of a session operation is on its way to the stream. @param error absent where it has been done */
  answered(stream: Stream, operation: Operation, error: ErrorBody | undefined): void {
    if (operation.type === 'attach' && error === undefined) this.#attached(stream, operation);
    if (operation.type !== 'endSession' || error === undefined) return;
    // The session lives on, or somebody else has ended it before, which the stream was not told.
    stream.endingSession = false;
    if (stream.session === undefined) this.#tellEnd(stream);
  }

  /** A `createSession` has been applied. */
  sessionCreated(id: SessionId, timeoutMs: number): void {
    this.#lives.created(id, timeoutMs);
  }

  /** An `attachSession` has been applied: whatever an older stream of this node still holds is not done. */
  sessionAttached(id: SessionId, generation: Zxid): void {
    const stream = this.#core.attached.get(id);
    if (stream !== undefined && stream.generation < generation) this.moved(stream);
  }

  /** A `closeSession` has been applied: tells the stream that it was attached to. */
  sessionClosed(id: SessionId): void {
    this.#lives.ended(id);
    for (const carrier of this.#core.carriers.get(id) ?? []) this.#tellEnd(carrier);
    const stream = this.#core.attached.get(id);
    if (stream === undefined) return;
    this.#core.attached.delete(id);
    stream.bind(undefined);
    if (!stream.endingSession) this.#tellEnd(stream);
  }

  #tellEnd(stream: Stream): void {
    // The news does not wait behind events that a slow reader has left in the ring.
    this.#core.outbox.push({ type: 'session', stream: stream.id, state: 'expired' });
    this.#hooks?.abandon(stream);
  }

  /** Not before the door that opens the stream has got it. */
  #tellEndSoon(stream: Stream): void {
    this.#core.scheduler.defer(() => {
      if (stream.ended) return;
      this.#tellEnd(stream);
      this.#core.outbox.flush();
    });
  }

  streamClosed(stream: Stream): void {
    this.#carriesNoMore(stream);
    const id = stream.session?.id ?? stream.attaching;
    stream.attaching = 0;
    if (this.#core.attached.get(id) === stream) this.#core.attached.delete(id);
    if (id !== 0) this.#hooks?.detach(id, stream.generation);
  }

  #carriesNoMore(stream: Stream): void {
    const { carries } = stream;
    const carriers = this.#core.carriers.get(carries);
    carriers?.delete(stream);
    if (carriers?.size === 0) this.#core.carriers.delete(carries);
  }

  /** What a new leader must be told, or tell itself: who is attached on this node. */
  registrations(): readonly Registration[] {
    const registrations: Registration[] = [];
    for (const [session, { generation, session: binding }] of this.#core.attached) {
      if (binding === undefined) continue;
      registrations.push({ session, generation, timeoutMs: binding.timeoutMs });
    }
    return registrations;
  }

  /** The attachment of that generation is over; a newer one of this node is not. */
  displaced(id: SessionId, generation: Zxid): void {
    const stream = this.#core.attached.get(id);
    if (stream?.generation === generation) this.moved(stream);
  }

  /** Another node's state has taken the place of this one's: sessions may have ended or moved unseen. */
  replaced(): void {
    this.#lives.replaced();
    const { attached, carriers, state } = this.#core;
    for (const session of [...carriers.keys()]) {
      if (!state.sessions.has(session)) this.sessionClosed(session);
    }
    for (const session of [...attached.keys()]) {
      const generation = state.sessions.generationOf(session);
      if (generation === undefined) this.sessionClosed(session);
      else this.sessionAttached(session, generation);
    }
  }

  /** A newer stream has the session of this one. */
  moved(stream: Stream): void {
    if (stream.ended) return;
    const id = stream.session?.id ?? 0;
    if (this.#core.attached.get(id) === stream) this.#core.attached.delete(id);
    stream.bind(undefined);
    this.#core.outbox.push({ type: 'session', stream: stream.id, state: 'moved' });
    this.#hooks?.abandon(stream);
  }

  #beginAttach(
    pending: Pending,
    operation: AttachOperation,
    authority: Authority,
  ): 'ready' | 'waiting' {
    const { stream } = pending;
    if (stream === undefined) {
      throw new CoordinationError('BADARGUMENTS', 'connect: needs a stream, not a single request');
    }
    this.#reads.requireWatchRoom(stream, operation.watches.length);
    stream.identify(operation.identities);
    const { session } = operation;
    if (session === 'none') return 'ready';
    if (session === 'new') {
      this.#createSession(pending, authority, operation.timeoutMs);
      return 'waiting';
    }
    this.#verify(session);
    authority.attach(pending, session.id, this.#timeoutFor(session.id, operation.timeoutMs));
    return 'waiting';
  }

  #createSession(pending: Pending, authority: Authority, timeoutMs: number | undefined): void {
    const secret = secretText(this.#randomBytes(secretBytes));
    const clamped = this.#clamp(timeoutMs ?? this.#core.settings.sessionTimeoutDefaultMs);
    const secretHash = hashSecret(secret);
    pending.secret = secret;
    pending.timeoutMs = clamped;
    authority.write(pending, { type: 'createSession', timeoutMs: clamped, secretHash });
  }

  /** The answer of a `newSession` whose transaction has been applied. */
  created(pending: Pending): Result {
    const { zxid: id, secret, timeoutMs } = pending;
    assert(secret !== undefined, 'a session that is created has a secret');
    return { id, secret, timeoutMs } satisfies SessionResult;
  }

  #verify(credential: SessionCredential): void {
    const { sessions } = this.#core.state;
    verifyCredential(sessions, credential, this.#core.zxid);
  }

  #timeoutFor(id: SessionId, asked: number | undefined): number {
    if (asked !== undefined) return this.#clamp(asked);
    return this.#core.state.sessions.timeoutOf(id) ?? this.#core.settings.sessionTimeoutDefaultMs;
  }

  #clamp(timeoutMs: number): number {
    const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = this.#core.settings;
    return Math.min(Math.max(timeoutMs, sessionTimeoutMinMs), sessionTimeoutMaxMs);
  }

  /** ZooKeeper's setWatches for one watch: the event it missed, undefined to arm it again. */
  #compare(
    stream: Stream,
    { path, mode }: { readonly path: ZnodePath; readonly mode: OneShotMode },
    from: Zxid,
  ): ReturnType<typeof compareOneShot> | 'withheld' {
    const { tree } = this.#core.state;
    const id = tree.find(path);
    const stat = id === -1 ? undefined : tree.stat(id);
    const type = compareOneShot(mode, stat, from);
    if (type === undefined || id === -1) return type;
    const { identities } = stream.caller;
    const { superIdentity } = this.#core.settings;
    return canRead(tree, tree.aclOf(id), { identities, superIdentity }) ? type : 'withheld';
  }
}

type OneShotMode = 'data' | 'exists' | 'children';

function isOneShot(mode: WatchMode): mode is OneShotMode {
  return mode === 'data' || mode === 'exists' || mode === 'children';
}
