/**
 * Where the leader takes what its learners forward: the frames of a link one after another, each once
 * the leader has applied what its sender had, and none while the log has no room. What is accepted is
 * accepted as the leader's own requests are; what becomes of it is told over the link.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import type { RequestMessage } from '../protocol/coordination.ts';
import { noStream } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { SessionId, Zxid } from '../protocol/model.ts';
import type { Operation } from '../protocol/operations.ts';
import type { Acceptance } from './acceptance.ts';
import type { Core } from './core.ts';
import type { Generations } from './generations.ts';
import { LearnerLink } from './learner-link.ts';
import type { SessionLives } from './lives.ts';
import type {
  AttachMessage,
  ForwardedResult,
  LeaderMessage,
  LearnerMessage,
  LifeMessage,
  MemberView,
  PeerFrame,
  RegisterMessage,
  StateMark,
  TouchMessage,
  WriteMessage,
} from './peer-messages.ts';
import { sessionGone } from './reads.ts';
import { Pending } from './stream.ts';

export interface LeaderDeskParts {
  readonly core: Core;
  readonly acceptance: Acceptance;
  readonly generations: Generations;
  readonly lives: SessionLives;
  readonly send: (node: number, frame: PeerFrame) => void;
  /** A peer has broken the rules: its connection is ended. */
  readonly drop: (node: number, reason: string) => void;
  /** What a learner says of its own state. */
  readonly compare: (node: number, mark: StateMark) => void;
}

export class LeaderDesk {
  readonly #core: Core;
  readonly #acceptance: Acceptance;
  readonly #generations: Generations;
  readonly #lives: SessionLives;
  readonly #send: LeaderDeskParts['send'];
  readonly #drop: LeaderDeskParts['drop'];
  readonly #compare: LeaderDeskParts['compare'];
  readonly #links = new Map<number, LearnerLink>();
  /** What each learner has said to have applied, for everybody to see. */
  readonly #applied = new Map<number, Zxid>();
  /** Of this node's reign; 0 while it does not serve as the leader. */
  #epoch = 0;

  constructor(parts: LeaderDeskParts) {
    this.#core = parts.core;
    this.#acceptance = parts.acceptance;
    this.#generations = parts.generations;
    this.#lives = parts.lives;
    this.#send = parts.send;
    this.#drop = parts.drop;
    this.#compare = parts.compare;
  }

  /** The ensemble as the leader sees it. */
  members(): readonly MemberView[] {
    const { zxid, settings, diskNearlyFull } = this.#core;
    const leader = { id: settings.self, state: 'leading', zxid } as const;
    const viewOf = (id: number, state: 'following' | 'observing'): MemberView => {
      if (id === settings.self) return diskNearlyFull ? { ...leader, diskNearlyFull } : leader;
      const applied = this.#applied.get(id);
      return applied === undefined ? { id, state: 'down', zxid: 0 } : { id, state, zxid: applied };
    };
    return [
      ...settings.voters.map((id) => viewOf(id, 'following')),
      ...(settings.observers ?? []).map((id) => viewOf(id, 'observing')),
    ];
  }

  /** The reign of this node begins; learners may have been quicker than itself. */
  begin(epoch: number): void {
    this.#epoch = epoch;
    this.#applied.clear();
    this.resume();
  }

  /** The reign has ended, or another's has begun. */
  end(): void {
    this.#epoch = 0;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#applied.clear();
  }

  /** The connection to the node has ended: what it has asked for and not been told is lost to it. */
  down(node: number): void {
    this.#links.get(node)?.close();
    this.#links.delete(node);
    this.#applied.delete(node);
    this.#generations.leave(node);
  }

  /** A frame of a learner, of so many bytes. */
  receive(node: number, frame: PeerFrame, bytes: number): void {
    if (this.#epoch !== 0 && frame.epoch !== this.#epoch) return;
    let link = this.#links.get(node);
    if (link === undefined) {
      link = new LearnerLink(node);
      this.#links.set(node, link);
    }
    link.push(frame, bytes);
    // Twice what an honest learner has under way: answers may cross with what it sends next.
    if (link.waitingBytes > 2 * this.#core.settings.limits.forwardedBytesMax + bytes) {
      this.down(node);
      this.#drop(node, 'It forwards more than it may have under way.');
      return;
    }
    this.#touchEarly(link, frame);
    this.#work(link);
  }

  /** Something has been applied, or the log has room again. */
  resume(): void {
    for (const link of this.#links.values()) if (link.next() !== undefined) this.#work(link);
  }

  /** Hands over what has been decided; to be called before the records of the turn leave. */
  flush(): void {
    for (const link of this.#links.values()) this.#flush(link);
  }

  /** The state differs from a quorum's. */
  mismatch(node: number, { zxid, digest }: StateMark): void {
    this.#links.get(node)?.outgoing.push({ type: 'mismatch', zxid, digest });
  }

  /** The barrier that a forwarded request has waited for. */
  passed(pending: Pending, zxid: Zxid): void {
    const origin = originOf(pending);
    const { link, message } = origin;
    if (pending.error !== undefined) {
      const { error } = pending;
      this.#say(link, { type: 'refused', id: origin.id, zxid: pending.zxid, error });
      return;
    }
    switch (message.type) {
      case 'write':
        this.#writeConfirmed(pending, zxid);
        return;
      case 'barrier':
        this.#say(link, { type: 'passed', id: message.id, zxid });
        return;
      case 'life':
        this.#tellLife(pending, message, zxid);
        return;
      case 'touch':
        this.#touched(link, message);
        return;
      default:
        assert(false, `${message.type} waits for no barrier`);
    }
  }

  /** The barrier will not be passed, or not in time. */
  failed(pending: Pending, outcome: 'void' | 'acks-unreachable' | 'timeout'): void {
    if (pending.phase === 'over') return;
    const { link, id } = originOf(pending);
    if (pending.awaitsAcks) {
      pending.awaitsAcks = false;
      if (outcome === 'void') return;
      const told = outcome === 'timeout' ? 'timeout' : 'unreachable';
      this.#say(link, { type: 'acked', id, outcome: told });
    } else if (id !== 0 && !pending.proposed) {
      // Its own time may have ended it for the learner, who counts it as under way until it is told.
      this.#say(link, { type: 'void', id });
    }
    if (!pending.proposed) pending.phase = 'over';
  }

  /** Signs of life do not wait behind requests, nor for what their sender has applied. */
  #touchEarly(link: LearnerLink, frame: PeerFrame): void {
    this.#applied.set(link.node, frame.applied);
    if (this.#epoch === 0) return;
    for (const message of frame.messages) {
      if (message.type !== 'touch') continue;
      for (const mark of [message.now, message.mark]) {
        if (mark !== undefined) this.#compare(link.node, mark);
      }
      for (const [session, ageMs] of message.sessions) this.#lives.touchAgo(session, ageMs);
      // Confirmed behind a barrier: a leader that has been replaced promises nothing.
      this.#acceptance.barrier(this.#pendingOf(link, message));
    }
  }

  #work(link: LearnerLink): void {
    for (;;) {
      const next = link.next();
      if (next === undefined || this.#epoch === 0) break;
      const { frame, index } = next;
      if (frame.epoch !== this.#epoch) {
        link.skip();
        continue;
      }
      if (frame.applied > this.#core.zxid) break;
      const message = frame.messages[index] as LearnerMessage | undefined;
      if (message !== undefined && isLogged(message) && this.#acceptance.full) break;
      if (message !== undefined) this.#take(link, message);
      link.took();
    }
    this.#flush(link);
  }

  #take(link: LearnerLink, message: LearnerMessage): void {
    switch (message.type) {
      case 'write':
        this.#accept(link, message, (pending) => this.#write(pending, message));
        return;
      case 'attach':
        this.#accept(link, message, (pending) => {
          this.#acceptance.attach(pending, message.session, message.timeoutMs);
          this.#sayProposed(pending);
        });
        return;
      case 'barrier':
        this.#acceptance.barrier(this.#pendingOf(link, message));
        return;
      case 'life':
        this.#accept(link, message, (pending) => {
          const { session, touch } = message;
          if (touch && !this.#lives.touchAlone(session)) throw sessionGone(session);
          this.#acceptance.barrier(pending);
        });
        return;
      case 'register':
        this.#register(link, message);
        return;
      case 'detach':
        this.#generations.detach(message.session, message.generation);
        return;
      case 'touch':
        return;
      default:
        unreachable(message);
    }
  }

  /** One way in for all that can be refused. */
  #accept(
    link: LearnerLink,
    message: WriteMessage | AttachMessage | LifeMessage,
    take: (pending: Pending) => void,
  ): void {
    const pending = this.#pendingOf(link, message);
    try {
      take(pending);
    } catch (error) {
      if (!(error instanceof CoordinationError)) throw error;
      this.#core.counters.refusals++;
      if (this.#acceptance.refuse(pending, error) === 'waiting') return;
      this.#say(link, { type: 'refused', id: message.id, zxid: 0, error: error.toBody() });
    }
  }

  #write(pending: Pending, message: WriteMessage): void {
    const { id, session, generation, operation } = message;
    const isLive = this.#core.state.sessions.has(session);
    if (generation !== undefined && isLive && !this.#generations.isCurrent(session, generation)) {
      this.#say(originOf(pending).link, { type: 'moved', id, session, generation });
      return;
    }
    if (session !== 0 && !this.#lives.touchAlone(session)) throw sessionGone(session);
    this.#acceptance.write(pending, operation);
    if (pending.proposed) this.#sayProposed(pending);
  }

  #sayProposed(pending: Pending): void {
    const { zxid, awaitsAcks } = pending;
    const { link, id } = originOf(pending);
    this.#say(link, {
      ...{ type: 'proposed', id, zxid, result: pending.result as ForwardedResult },
      ...(awaitsAcks && { awaitsAcks }),
    });
  }

  #writeConfirmed(pending: Pending, zxid: Zxid): void {
    const { link, id } = originOf(pending);
    if (pending.awaitsAcks) {
      pending.awaitsAcks = false;
      this.#say(link, { type: 'acked', id, outcome: 'confirmed' });
      return;
    }
    const result = pending.result as ForwardedResult;
    this.#say(link, { type: 'answered', id, zxid: pending.zxid, confirmed: zxid, result });
  }

  #tellLife(pending: Pending, { id, session, touch }: LifeMessage, zxid: Zxid): void {
    if (touch && !this.#lives.isLive(session)) {
      // It has been ended since its sign of life was counted.
      this.#acceptance.refuse(pending, sessionGone(session));
      return;
    }
    const expiresInMs = this.#lives.expiresInMs(session) ?? 0;
    const connected = this.#generations.isAttached(session);
    this.#say(originOf(pending).link, { type: 'lives', id, zxid, expiresInMs, connected });
  }

  #touched(link: LearnerLink, { number, sessions }: TouchMessage): void {
    const gone: SessionId[] = [];
    const shorter: (readonly [SessionId, number])[] = [];
    for (const [session] of sessions) {
      if (!this.#lives.isLive(session)) {
        gone.push(session);
        continue;
      }
      const timeoutMs = this.#lives.shorterTimeoutOf(session);
      if (timeoutMs !== undefined) shorter.push([session, timeoutMs]);
    }
    const committed = this.#core.zxid;
    const members = this.members();
    this.#say(link, { type: 'touched', number, gone, shorter, committed, members });
  }

  #register(link: LearnerLink, { sessions }: RegisterMessage): void {
    const { node } = link;
    this.#generations.leave(node);
    for (const { session, generation, timeoutMs } of sessions) {
      // Its end is in the log by now, and the learner will hear of it.
      if (!this.#core.state.sessions.has(session)) continue;
      if (this.#generations.register(session, { generation, timeoutMs, node })) {
        this.#lives.renegotiated(session, timeoutMs);
      } else {
        this.#say(link, { type: 'moved', session, generation });
      }
    }
  }

  #pendingOf(link: LearnerLink, message: Exclude<LearnerMessage, RegisterMessage>): Pending {
    const id = 'id' in message ? message.id : 0;
    const pending = new Pending(requestOf(id, message), undefined);
    pending.origin = { link, id, message };
    pending.phase = 'waiting';
    if (message.type === 'write') {
      pending.caller = { identities: message.identities, session: message.session };
    }
    const { requestTimeoutMs } = this.#core.settings.limits;
    pending.askedMs = this.#core.clock.monotonicMs();
    pending.deadlineMs = pending.askedMs + requestTimeoutMs;
    return pending;
  }

  #say(link: LearnerLink, message: LeaderMessage): void {
    if (!link.closed) link.outgoing.push(message);
  }

  #flush(link: LearnerLink): void {
    const messages = link.outgoing;
    if (messages.length === 0) return;
    link.outgoing = [];
    this.#send(link.node, { epoch: this.#epoch, applied: this.#core.zxid, messages });
  }
}

function originOf(pending: Pending): NonNullable<Pending['origin']> {
  assert(pending.origin !== undefined, 'a request of another node');
  return pending.origin;
}

/** What goes through the log, and waits while that has no room. */
function isLogged({ type }: LearnerMessage): boolean {
  return type === 'write' || type === 'attach';
}

const sync: Operation = { type: 'sync' };

/** The request as its own node has it, as far as the leader needs it. */
function requestOf(id: number, message: LearnerMessage): RequestMessage {
  if (message.type !== 'write') {
    const operation: Operation =
      message.type === 'attach'
        ? { type: 'attach', session: 'none', identities: [], watches: [] }
        : sync;
    return { type: 'request', stream: noStream, id, operation };
  }
  const { operation, idempotency, acks } = message;
  return {
    ...{ type: 'request', stream: noStream, id, operation },
    ...(idempotency !== undefined && { idempotency }),
    ...(acks !== undefined && { acks }),
  };
}
