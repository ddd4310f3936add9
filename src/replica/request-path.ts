/**
 * The way of every request through this node, whatever its role: one pipeline of streams, and behind it
 * the judgement of the leader or the link to it. The replica tells what the drive tells; this file knows
 * who must hear of it.
 */
import { unreachable } from '../protocol/assert.ts';
import type { CoordinatorMessage, OpenMessage, RequestMessage } from '../protocol/coordination.ts';
import { noStream } from '../protocol/coordination.ts';
import { assert } from '../protocol/assert.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Zxid } from '../protocol/model.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import { ExpiryQueue } from '../sessions/index.ts';
import type { Transaction } from '../tree/index.ts';
import type { LogPosition } from '../zab/index.ts';
import { Acceptance } from './acceptance.ts';
import { Attachments } from './attachments.ts';
import { Availability } from './availability.ts';
import type { AvailabilityState } from './availability.ts';
import type { Core } from './core.ts';
import type { Drive } from './drive.ts';
import type { EventDelivery } from './events.ts';
import { Forwarder } from './forwarder.ts';
import { Generations } from './generations.ts';
import { Housekeeper } from './housekeeper.ts';
import { LeaderDesk } from './leader-desk.ts';
import { SessionLives } from './lives.ts';
import { decodeFrame, encodeFrame, PeerFormatError } from './peer-codec.ts';
import { isLeaderMessage } from './peer-messages.ts';
import type { MemberView, PeerFrame, StateMark } from './peer-messages.ts';
import { Pipeline } from './pipeline.ts';
import { Reads } from './reads.ts';
import { lateAcks, lostError, streamEnded, throttled } from './requests.ts';
import { StateMarks } from './state-marks.ts';
import { Stream } from './stream.ts';
import { Suspension } from './suspension.ts';
import type { Pending } from './stream.ts';

/** Signs of life reach the leader so many times in a tick. */
const TOUCHES_PER_TICK = 4;

export interface RequestPathParts {
  readonly core: Core;
  readonly drive: Drive;
  readonly events: EventDelivery;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly peers: PeerChannel;
}

/** The replicas' channel of the links between the nodes. */
export interface PeerChannel {
  sendPayload(node: number, bytes: Uint8Array): void;
  /** The peer has broken the rules of the channel. @param reason a whole sentence */
  disconnect(node: number, reason: string): void;
  /** A quorum has another state than this node at the mark's zxid: it must end. */
  mismatch(mark: StateMark): void;
}

export type Role =
  | { readonly name: 'leader'; readonly epoch: number }
  | { readonly name: 'learner'; readonly epoch: number; readonly leader: number };

export class RequestPath {
  readonly #core: Core;
  readonly #drive: Drive;
  readonly #events: EventDelivery;
  readonly #peers: PeerChannel;
  readonly #generations: Generations;
  readonly #availability: Availability;
  readonly #lives: SessionLives;
  readonly #acceptance: Acceptance;
  readonly #forwarder: Forwarder;
  readonly #desk: LeaderDesk;
  readonly #attachments: Attachments;
  readonly #pipeline: Pipeline;
  readonly #housekeeper: Housekeeper;
  readonly #marks: StateMarks;
  readonly #suspension: Suspension;
  #role: Role | undefined;
  #flushScheduled = false;
  #toldMs = 0;

  constructor(parts: RequestPathParts) {
    const { core, drive, events, randomBytes } = parts;
    const { settings, clock } = core;
    this.#core = core;
    this.#drive = drive;
    this.#events = events;
    this.#peers = parts.peers;
    const generations = new Generations(core.state);
    this.#generations = generations;
    const expiry = new ExpiryQueue({ tickMs: settings.tickMs });
    const lives = new SessionLives({ core, expiry, generations });
    const reads = new Reads(core, events, {
      expiresInMs: (id) => lives.expiresInMs(id) ?? 0,
      touchAlone: (id) => lives.touchAlone(id),
      isAttached: (id) => core.attached.has(id) || generations.isAttached(id),
    });
    this.#lives = lives;
    this.#marks = new StateMarks(core);
    this.#availability = new Availability({
      graceMs: settings.limits.leaderGraceMs,
      readOnlyMode: settings.readOnlyMode ?? false,
      nowMs: clock.monotonicMs(),
    });
    this.#acceptance = new Acceptance({ core, drive, generations, lives });
    this.#forwarder = new Forwarder({
      ...{ core, lives },
      send: (frame) => {
        this.#sendToLeader(frame);
      },
      schedule: () => {
        this.#scheduleFlush();
      },
    });
    this.#desk = new LeaderDesk({
      ...{ core, acceptance: this.#acceptance, generations, lives },
      send: (node, frame) => {
        parts.peers.sendPayload(node, encodeFrame(frame));
      },
      drop: (node, reason) => {
        parts.peers.disconnect(node, reason);
      },
      compare: (node, mark) => {
        this.#compare(node, mark);
      },
    });
    this.#attachments = new Attachments({ core, reads, events, lives, randomBytes });
    this.#pipeline = new Pipeline({
      ...{ core, reads, events, lives, attachments: this.#attachments },
      availability: this.#availability,
      acceptance: this.#acceptance,
      forwarder: this.#forwarder,
    });
    this.#housekeeper = new Housekeeper(core, drive, expiry);
    this.#suspension = new Suspension({
      ...{ core, lives },
      random: () => fraction(randomBytes(4)),
      end: (stream, error) => {
        this.#pipeline.endStream(stream, error);
      },
    });
    this.#connect();
  }

  get availability(): AvailabilityState {
    return this.#availability.state;
  }

  /** Requests that have been forwarded and are not decided, and their bytes. */
  get forwarded(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.#forwarder.inFlight, bytes: this.#forwarder.bytesInFlight };
  }

  /** The others as this node knows them: as the leader from themselves, else from the leader. */
  get members(): readonly MemberView[] {
    if (this.#role?.name !== 'leader')
      return this.#role === undefined ? [] : this.#forwarder.members;
    return this.#desk.members();
  }

  /** What is known to be committed in the ensemble. */
  get committed(): Zxid {
    return Math.max(this.#core.zxid, this.#forwarder.leaderCommitted);
  }

  submit(messages: readonly CoordinatorMessage[]): void {
    this.#pipeline.nowMs = this.#core.clock.monotonicMs();
    for (const message of messages) this.#take(message);
    this.#core.outbox.flush();
  }

  /** Looks at deadlines; to be called several times a tick. */
  tick(nowMs: number): void {
    this.#pipeline.nowMs = nowMs;
    const overdue = [...this.#drive.overdue(nowMs), ...this.#forwarder.overdue(nowMs)];
    const own = overdue.filter((pending) => pending.origin === undefined);
    for (const pending of overdue) {
      if (pending.origin !== undefined) this.#desk.failed(pending, 'timeout');
    }
    this.#suspension.tick(nowMs);
    this.#pipeline.expireWaits(nowMs, own);
    if (this.#role?.name === 'leader') this.#housekeeper.tick(nowMs);
    if (this.#role?.name === 'learner') this.#tellLeader(nowMs);
    this.flush();
  }

  // What the drive tells.

  /** The node serves from now on: its epoch is established and it has applied the epoch record. */
  serving(role: Role): void {
    this.#role = role;
    this.#availability.served();
    this.#suspension.served();
    if (role.name === 'leader') {
      this.#forwarder.lost();
      this.#generations.begin();
      this.#marks.begin();
      this.#lives.lead();
      this.#registerOwn();
      this.#desk.begin(role.epoch);
      this.#pipeline.serving('leader');
    } else {
      this.#desk.end();
      this.#lives.learn();
      this.#forwarder.follow(role.epoch, this.#attachments.registrations());
      this.#pipeline.serving('learner');
    }
    this.flush();
  }

  /**
   * The leader is lost, or this node is no leader any more: what was proposed or forwarded and has not
   * been applied has an unknown outcome.
   * @param unknown requests whose records stand in the log: a later leader decides
   * @param notApplied requests whose records nobody has seen: they never will be
   */
  lost(unknown: readonly Pending[], notApplied: readonly Pending[] = []): void {
    const nowMs = this.#core.clock.monotonicMs();
    this.#role = undefined;
    this.#availability.lost(nowMs);
    this.#suspension.lost(nowMs);
    this.#pipeline.nowMs = nowMs;
    this.#acceptance.lost();
    this.#desk.end();
    this.#generations.begin();
    this.#lives.learn();
    for (const pending of notApplied) pending.proposed = false;
    for (const pending of [...unknown, ...notApplied]) {
      if (pending.origin === undefined) this.#pipeline.fail(pending, lostError(pending));
    }
    this.#forwarder.lost();
    this.#core.outbox.flush();
  }

  /** The node stops: from now on everything is refused, and what waits for a leader too. */
  stop(): void {
    this.#availability.stop();
    this.#pipeline.released();
    this.#core.outbox.flush();
  }

  /** Another node's state has taken the place of this one's. */
  replaced(): void {
    const { zxid } = this.#core;
    this.#attachments.replaced();
    this.#pipeline.nowMs = this.#core.clock.monotonicMs();
    if (this.#role?.name === 'learner') this.#forwarder.overtaken(zxid);
    this.#pipeline.applied(zxid, undefined);
    this.#core.outbox.flush();
  }

  /** The record at `zxid` has been applied; `pending` is the request of this reign that it answers. */
  applied(zxid: Zxid, transaction: Transaction | undefined, pending: Pending | undefined): void {
    if (transaction !== undefined) this.#sessionsApplied(zxid, transaction);
    this.#marks.applied(zxid);
    if (pending !== undefined) {
      this.#acceptance.applied(pending);
      this.#lives.assured(pending.askedMs);
    }
    const isForwarded = pending?.origin !== undefined;
    if (isForwarded) pending.applied = true;
    // Whoever asked for the record, requests of this node may wait for its zxid.
    this.#pipeline.applied(zxid, isForwarded ? undefined : pending);
    if (this.#role?.name === 'learner') this.#forwarder.applied(zxid);
  }

  #sessionsApplied(zxid: Zxid, { changes }: Transaction): void {
    const [first] = changes;
    if (first?.type === 'createSession') {
      this.#generations.applied(zxid, zxid);
      this.#attachments.sessionCreated(zxid, first.timeoutMs);
    } else if (first?.type === 'attachSession') {
      this.#generations.applied(first.session, zxid);
      this.#attachments.sessionAttached(first.session, zxid);
    } else if (first?.type === 'closeSession') {
      this.#attachments.sessionClosed(first.session);
    }
  }

  barrierPassed(pending: Pending, { zxid }: LogPosition): void {
    this.#lives.assured(pending.askedMs);
    if (pending.origin === undefined) this.#pipeline.confirmed(pending, zxid);
    else if (pending.phase !== 'over') this.#desk.passed(pending, zxid);
  }

  barrierFailed(pending: Pending, outcome: 'void' | 'acks-unreachable'): void {
    if (pending.origin !== undefined) {
      this.#desk.failed(pending, outcome);
      return;
    }
    this.#pipeline.fail(pending, outcome === 'void' ? lostError(pending) : unreachableAcks);
  }

  /** Something has been applied or decided in this turn. */
  advanced(): void {
    this.#desk.resume();
    this.#pipeline.advanced();
  }

  /** Hands over what other nodes are to be told; before the records of the turn leave. */
  flush(): void {
    this.#desk.flush();
    this.#forwarder.flush();
  }

  /** A frame of another replica. */
  payload(node: number, bytes: Uint8Array): void {
    let frame: PeerFrame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      if (!(error instanceof PeerFormatError)) throw error;
      this.#core.log.warn({ node, error: error.message }, 'a peer has sent what it may not');
      this.#peers.disconnect(node, 'It has sent a malformed frame of the replicas.');
      return;
    }
    this.#pipeline.nowMs = this.#core.clock.monotonicMs();
    const fromLeader = frame.messages.filter(isLeaderMessage).length;
    if (fromLeader === 0) {
      this.#desk.receive(node, frame, bytes.length);
    } else if (this.#role?.name === 'learner' && this.#role.leader === node) {
      this.#forwarder.receive(frame);
      this.#pipeline.advanced();
      this.#core.outbox.flush();
    }
  }

  peerDown(node: number): void {
    this.#desk.down(node);
    this.#marks.forget(node);
  }

  #connect(): void {
    this.#acceptance.onMoved((stream) => {
      this.#attachments.moved(stream);
    });
    this.#attachments.listen({
      abandon: (stream) => {
        this.#pipeline.close(stream);
      },
      detach: (session, generation) => {
        if (this.#role?.name === 'leader') this.#generations.detach(session, generation);
        else if (this.#role !== undefined) this.#forwarder.detach(session, generation);
      },
    });
    this.#forwarder.listen({
      applied: (zxid, pending) => {
        this.#pipeline.applied(zxid, pending);
      },
      confirmed: (pending, zxid) => {
        this.#pipeline.confirmed(pending, zxid);
      },
      acked: (pending, outcome) => {
        if (outcome === 'confirmed') this.#pipeline.acked(pending);
        else
          this.#pipeline.fail(
            pending,
            outcome === 'timeout' ? lateAcks(this.#core.settings.limits) : unreachableAcks,
          );
      },
      failed: (pending, error) => {
        this.#pipeline.fail(pending, error);
      },
      moved: (session, generation, pending) => {
        if (pending?.stream !== undefined) this.#attachments.moved(pending.stream);
        else this.#attachments.displaced(session, generation);
      },
      mismatch: (mark) => {
        this.#peers.mismatch(mark);
      },
    });
  }

  /** The streams of the leader itself are attached like those of the others. */
  #registerOwn(): void {
    const node = this.#core.settings.self;
    for (const { session, generation, timeoutMs } of this.#attachments.registrations()) {
      const isNewest = this.#generations.register(session, { generation, timeoutMs, node });
      assert(isNewest, 'an older stream ends where the record of the newer one is applied');
      this.#lives.renegotiated(session, timeoutMs);
    }
  }

  #tellLeader(nowMs: number): void {
    if (nowMs - this.#toldMs < this.#core.settings.tickMs / TOUCHES_PER_TICK) return;
    this.#toldMs = nowMs;
    this.#forwarder.tell(this.#marks.now(), this.#marks.last);
  }

  #sendToLeader(frame: PeerFrame): void {
    assert(this.#role?.name === 'learner', 'only a learner forwards');
    this.#peers.sendPayload(this.#role.leader, encodeFrame(frame));
  }

  /** Everything that this turn's input brings leaves together. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#core.scheduler.defer(() => {
      this.#flushScheduled = false;
      this.#forwarder.flush();
    });
  }

  #compare(from: number, mark: StateMark): void {
    const { self } = this.#core.settings;
    const { learners, members } = this.#drive.zab.status;
    const counted = learners.some(({ id, voter }) => id === from && voter);
    const voters = members.filter(({ role }) => role === 'voter').length;
    const found = this.#marks.compare(mark, { from, counted, self, voters });
    if (found === undefined) return;
    for (const node of found.wrong) {
      this.#core.log.warn({ node, ...found.right }, 'a node has another state than a quorum');
      if (node === self) this.#peers.mismatch(found.right);
      else this.#desk.mismatch(node, found.right);
    }
  }

  #take(message: CoordinatorMessage): void {
    const { streams } = this.#core;
    switch (message.type) {
      case 'open':
        this.#open(message);
        return;
      case 'request':
        this.#request(message);
        return;
      case 'close': {
        const stream = streams.get(message.stream);
        if (stream !== undefined) this.#pipeline.close(stream);
        return;
      }
      case 'flow': {
        const stream = streams.get(message.stream);
        if (stream === undefined) return;
        stream.blocked = !message.ready;
        if (!message.ready) return;
        this.#events.pump(stream);
        this.#pipeline.resume(stream);
        return;
      }
      case 'touch': {
        const stream = streams.get(message.stream);
        if (stream !== undefined) this.#attachments.touch(stream);
        return;
      }
      case 'cancel':
        this.#pipeline.cancel(message.id);
        return;
      default:
        unreachable(message);
    }
  }

  #open(message: OpenMessage): void {
    const { streams, watches, settings } = this.#core;
    assert(message.stream !== noStream, 'stream 0 is no stream');
    assert(!streams.has(message.stream), 'a stream number is used once');
    // Beyond the limit the stream is not there, and its first request says so.
    if (streams.size >= settings.limits.streamsMax) return;
    const stream = new Stream(message.stream, message.identities, message.session);
    streams.set(stream.id, stream);
    watches.addStream(stream.id, message.clients ?? []);
    this.#attachments.opened(stream);
    this.#suspension.opened(stream);
  }

  #request(message: RequestMessage): void {
    if (message.stream === noStream) {
      this.#pipeline.accept(message, undefined);
      return;
    }
    const { streams, outbox, zxid, settings } = this.#core;
    const stream = streams.get(message.stream);
    if (stream !== undefined) {
      if (message.unprompted !== true) this.#attachments.touch(stream);
      this.#pipeline.accept(message, stream);
      return;
    }
    const { id } = message;
    const isFull = streams.size >= settings.limits.streamsMax;
    const error = isFull ? tooManyStreams(settings.limits) : streamEnded;
    outbox.push({ type: 'error', stream: message.stream, id, zxid, error, ends: true });
  }
}

/** Four random bytes as a number from 0 to 1, without 1. */
function fraction(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** (8 * bytes.length);
}

function tooManyStreams(limits: Limits): ErrorBody {
  return throttled(`open streams of this node reach ${limitText(limits, 'streamsMax')}`);
}

const unreachableAcks: ErrorBody = {
  code: 'ACKSTIMEOUT',
  detail: 'committed, but fewer voters are alive than acks asks for',
};
