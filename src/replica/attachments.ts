/**
 * Sessions in time: who may speak for one, which stream it is attached to, when it ends. The replicated
 * part (that a session exists) is in the session table; deadlines are the leader's alone.
 */
import { assert } from '../protocol/assert.ts';
import type { Caller, SessionCredential } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { SessionId, WatchMode, ZnodePath, Zxid } from '../protocol/model.ts';
import type { AttachOperation, AttachResult, Result } from '../protocol/operations.ts';
import { compareOneShot, ExpiryQueue } from '../sessions/index.ts';
import { canRead } from '../tree/index.ts';
import type { Core } from './core.ts';
import { hashSecret, secretBytes, secretText, verifyCredential } from './credentials.ts';
import type { Drive } from './drive.ts';
import type { EventDelivery } from './events.ts';
import { nobody } from './caller.ts';
import type { ResolvedCaller } from './caller.ts';
import type { Pending } from './stream.ts';
import { sessionGone } from './reads.ts';
import type { Reads } from './reads.ts';
import type { Stream } from './stream.ts';

export interface AttachmentParts {
  readonly core: Core;
  readonly drive: Drive;
  readonly reads: Reads;
  readonly events: EventDelivery;
  readonly expiry: ExpiryQueue;
  readonly randomBytes: (count: number) => Uint8Array;
}

export class Attachments {
  readonly #core: Core;
  readonly #drive: Drive;
  readonly #reads: Reads;
  readonly #events: EventDelivery;
  readonly #expiry: ExpiryQueue;
  readonly #randomBytes: (count: number) => Uint8Array;
  /** The newest stream that asks for each session and is not attached to it yet. */
  readonly #attaching = new Map<SessionId, Stream>();
  /** Ends the stream's requests without a word; set by the replica. */
  #abandon: (stream: Stream) => void = () => undefined;

  constructor(parts: AttachmentParts) {
    this.#core = parts.core;
    this.#drive = parts.drive;
    this.#reads = parts.reads;
    this.#events = parts.events;
    this.#expiry = parts.expiry;
    this.#randomBytes = parts.randomBytes;
  }

  /** @param abandon what to do with the stream that a newer one has taken the session from */
  onAbandon(abandon: (stream: Stream) => void): void {
    this.#abandon = abandon;
  }

  /**
   * The caller of a request that stands alone; its arrival is a sign of life.
   * @throws CoordinationError AUTHFAILED, SESSIONEXPIRED
   */
  resolve(caller: Caller | undefined, nowMs: number): ResolvedCaller {
    if (caller === undefined) return nobody;
    const { identities, session } = caller;
    if (session === undefined) return { identities, session: 0 };
    this.#verify(session, nowMs);
    return { identities, session: session.id };
  }

  /** A sign of life of the stream's session. */
  touch(stream: Stream, nowMs: number): void {
    const { session } = stream;
    if (session !== undefined) this.#expiry.touch(session.id, nowMs, session.timeoutMs);
  }

  /** The same for a session that speaks over plain HTTP; @returns its remaining life, milliseconds. */
  touchAlone(id: SessionId): number {
    const nowMs = this.#core.clock.monotonicMs();
    const timeoutMs = this.#timeoutOf(id);
    if (timeoutMs !== undefined) this.#expiry.touch(id, nowMs, timeoutMs);
    return this.#expiry.expiresInMs(id, nowMs) ?? 0;
  }

  /** Begins `newSession`, `attach` or `endSession`. @throws CoordinationError */
  begin(pending: Pending, nowMs: number): 'ready' | 'waiting' {
    const { operation, stream } = pending;
    switch (operation.type) {
      case 'newSession':
        this.#createSession(pending, operation.timeoutMs);
        return 'waiting';
      case 'attach':
        return this.#beginAttach(pending, operation, nowMs);
      case 'endSession': {
        const id = stream?.session?.id ?? 0;
        if (id === 0) throw new CoordinationError('SESSIONREQUIRED', 'close: there is no session');
        this.#drive.propose({ type: 'closeSession', session: id }, nobody, pending);
        if (stream !== undefined) stream.endingSession = true;
        return 'waiting';
      }
      default:
        throw new CoordinationError('BADARGUMENTS', `${operation.type} is no session operation`);
    }
  }

  /** What takes effect when an attach's turn comes. @throws CoordinationError SESSIONEXPIRED, QUOTAEXCEEDED */
  attach(pending: Pending, nowMs: number): Result {
    const { operation, stream } = pending;
    assert(operation.type === 'attach', 'only an attach attaches');
    assert(stream !== undefined, 'an attach comes on a stream');
    this.#forgetAttaching(stream);
    // Others may have taken the room since it was asked for.
    this.#reads.requireWatchRoom(stream, operation.watches.length);
    const { session } = operation;
    if (session === 'none') return { resumed: false } satisfies AttachResult;
    const id = session === 'new' ? pending.zxid : session.id;
    const row = this.#core.state.sessions.get(id);
    if (row === undefined || this.#expiry.isClosing(id)) throw sessionGone(id);
    const timeoutMs =
      operation.timeoutMs === undefined ? row.timeoutMs : this.#clamp(operation.timeoutMs);
    stream.bind({ id, timeoutMs });
    this.#core.attached.set(id, stream);
    this.#expiry.touch(id, nowMs, timeoutMs);
    const { secret } = pending;
    const binding = secret === undefined ? { id, timeoutMs } : { id, timeoutMs, secret };
    return { session: binding, resumed: session !== 'new' } satisfies AttachResult;
  }

  /** After `connected` has been sent: its watches, what they missed first. */
  attached(stream: Stream, operation: AttachOperation): void {
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

  /** A `createSession` has been applied. */
  sessionCreated(id: SessionId, timeoutMs: number): void {
    this.#expiry.touch(id, this.#core.clock.monotonicMs(), timeoutMs);
  }

  /** A `closeSession` has been applied: tells the stream that it was attached to. */
  sessionClosed(id: SessionId): void {
    this.#expiry.remove(id);
    const stream = this.#core.attached.get(id);
    if (stream === undefined) return;
    this.#core.attached.delete(id);
    stream.bind(undefined);
    if (stream.endingSession) return;
    // The news does not wait behind events that a slow reader has left in the ring.
    this.#core.outbox.push({ type: 'session', stream: stream.id, state: 'expired' });
    this.#abandon(stream);
  }

  streamClosed(stream: Stream): void {
    this.#forgetAttaching(stream);
    const id = stream.session?.id;
    if (id !== undefined && this.#core.attached.get(id) === stream) this.#core.attached.delete(id);
  }

  /** The confirmed remaining life, milliseconds; 0 for a session that is closing. */
  expiresInMs(id: SessionId): number {
    return this.#expiry.expiresInMs(id, this.#core.clock.monotonicMs()) ?? 0;
  }

  #beginAttach(pending: Pending, operation: AttachOperation, nowMs: number): 'ready' | 'waiting' {
    const { stream } = pending;
    if (stream === undefined) {
      throw new CoordinationError('BADARGUMENTS', 'connect: needs a stream, not a single request');
    }
    this.#reads.requireWatchRoom(stream, operation.watches.length);
    stream.identify(operation.identities);
    const { session } = operation;
    if (session === 'none') return 'ready';
    if (session === 'new') {
      this.#createSession(pending, operation.timeoutMs);
      return 'waiting';
    }
    this.#verify(session, nowMs);
    this.#takeOver(session.id, stream);
    // What the older stream has in the log is decided before the newer one is told `connected`.
    this.#drive.awaitBarrier(pending, this.#drive.last);
    return 'waiting';
  }

  /**
   * Nothing that the older stream has not yet in the log takes effect from here on. An older one that is
   * still being attached itself never will be.
   */
  #takeOver(id: SessionId, newer: Stream): void {
    for (const older of [this.#core.attached.get(id), this.#attaching.get(id)]) {
      if (older === undefined) continue;
      this.#core.attached.delete(id);
      older.bind(undefined);
      this.#core.outbox.push({ type: 'session', stream: older.id, state: 'moved' });
      this.#abandon(older);
    }
    newer.attaching = id;
    this.#attaching.set(id, newer);
  }

  #forgetAttaching(stream: Stream): void {
    const { attaching } = stream;
    stream.attaching = 0;
    if (this.#attaching.get(attaching) === stream) this.#attaching.delete(attaching);
  }

  #createSession(pending: Pending, timeoutMs: number | undefined): void {
    this.#drive.requireRoom();
    const secret = secretText(this.#randomBytes(secretBytes));
    const clamped = this.#clamp(timeoutMs ?? this.#core.settings.sessionTimeoutDefaultMs);
    const secretHash = hashSecret(secret);
    const operation = { type: 'createSession', timeoutMs: clamped, secretHash } as const;
    pending.secret = secret;
    this.#drive.propose(operation, nobody, pending);
    pending.result =
      pending.operation.type === 'newSession'
        ? { id: pending.zxid, secret, timeoutMs: clamped }
        : undefined;
  }

  #verify(credential: SessionCredential, nowMs: number): void {
    const { sessions } = this.#core.state;
    const row = verifyCredential(sessions, credential, this.#drive.last.zxid);
    const timeoutMs = this.#timeoutOf(row.id) ?? row.timeoutMs;
    if (!this.#expiry.touch(row.id, nowMs, timeoutMs)) throw sessionGone(row.id);
  }

  /** A timeout renegotiated by the attached stream counts for plain requests too. */
  #timeoutOf(id: SessionId): number | undefined {
    return (
      this.#core.attached.get(id)?.session?.timeoutMs ?? this.#core.state.sessions.timeoutOf(id)
    );
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
