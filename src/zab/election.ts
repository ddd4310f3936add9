/**
 * Fast Leader Election: each voter proposes the candidate with the greatest vote key that it has heard of
 * and is linked with, and leads or follows once a quorum votes the same way in the same round. Safety
 * never depends on it: discovery finds out a leader that should not be one.
 */
import type { Context } from './context.ts';
import type { VoteMessage } from './messages.ts';
import { isQuorum } from './quorum.ts';
import type { Standing } from './standing.ts';
import { comparePositions, noPosition } from './types.ts';
import type { LogPosition } from './types.ts';

interface Proposal {
  readonly candidate: number;
  readonly key: LogPosition;
}

const RESEND_FIRST_MS = 200;
const RESEND_MAX_MS = 2000;
const WAIT_FIRST_MS = 50;
const WAIT_MAX_MS = 200;
const nobody: Proposal = { candidate: 0, key: noPosition };

export class Election {
  readonly #context: Context;
  readonly #standingNow: () => Standing;
  /** Latest votes of this round, this node's own included. */
  readonly #votes = new Map<number, VoteMessage>();
  #round: number;
  #standing: Standing;
  #proposal: Proposal;
  #resendMs = RESEND_FIRST_MS;
  #resendAtMs = 0;
  #waitMs = WAIT_FIRST_MS;
  /** While a quorum agrees and others may still have something better. */
  #decideAtMs: number | undefined;
  #outcome: number | undefined;

  constructor(context: Context, round: number, standing: () => Standing) {
    this.#context = context;
    this.#standingNow = standing;
    this.#round = round;
    this.#standing = standing();
    this.#proposal = this.#own();
  }

  get round(): number {
    return this.#round;
  }

  /** Who is to lead, once that is decided. */
  get outcome(): number | undefined {
    return this.#outcome;
  }

  start(): void {
    this.#propose(this.#own());
    this.#scheduleResend();
  }

  onVote(from: number, vote: VoteMessage): void {
    if (vote.state !== 'looking') {
      this.#onEstablished(from, vote);
      return;
    }
    if (this.#standing === 'asker' || !this.#counts(from)) return;
    if (vote.round < this.#round) {
      this.#sendTo(from);
      return;
    }
    if (vote.round > this.#round) {
      this.#startRound(vote.round, this.#better(vote, this.#own()) ? vote : this.#own());
    } else if (this.#better(vote, this.#proposal)) {
      this.#propose(vote);
    }
    this.#votes.set(from, vote);
    this.#judge();
  }

  /** A link is there: the peer hears the present vote, and may be voted for. */
  peerUp(peer: number): void {
    this.#sendTo(peer);
    this.#standing = this.#standingNow();
    this.#proposeBest();
  }

  peerDown(peer: number): void {
    this.#votes.delete(peer);
    const before = this.#standing;
    this.#standing = this.#standingNow();
    const isLost = this.#proposal.candidate === peer;
    const isOver = before !== this.#standing && this.#proposal.candidate === this.#context.self;
    if (isLost || isOver) this.#startRound(this.#round + 1, this.#own());
    this.#judge();
  }

  tick(): void {
    const { nowMs } = this.#context;
    const standing = this.#standingNow();
    if (standing !== this.#standing) {
      this.#standing = standing;
      this.#startRound(this.#round + 1, this.#own());
    }
    if (this.#decideAtMs !== undefined && nowMs >= this.#decideAtMs) {
      this.#outcome = this.#proposal.candidate;
    }
    if (nowMs < this.#resendAtMs) return;
    this.#broadcast();
    this.#resendMs = Math.min(this.#resendMs * 2, RESEND_MAX_MS);
    this.#scheduleResend();
  }

  /**
   * A voter that says itself that it leads is followed at once; what others say of one is not enough, and a life of
   * a data directory that the configuration does not name leads nobody.
   */
  #onEstablished(from: number, vote: VoteMessage): void {
    const { leader, state } = vote;
    if (state === 'leading' && leader === from && this.#counts(from)) this.#outcome = from;
  }

  #own(): Proposal {
    if (this.#standing !== 'candidate') return nobody;
    const { log, self } = this.#context;
    return { candidate: self, key: log.durable };
  }

  #startRound(round: number, proposal: Proposal): void {
    this.#round = round;
    this.#votes.clear();
    this.#propose(proposal);
  }

  #propose({ candidate, key }: Proposal): void {
    this.#proposal = { candidate, key };
    this.#decideAtMs = undefined;
    const { self } = this.#context;
    if (this.#standing !== 'asker') this.#votes.set(self, this.#message());
    this.#broadcast();
    this.#judge();
  }

  /** The best of this round that this node may vote for now. */
  #proposeBest(): void {
    if (this.#standing === 'asker') return;
    let best = this.#better(this.#own(), this.#proposal) ? this.#own() : this.#proposal;
    for (const vote of this.#votes.values()) if (this.#better(vote, best)) best = vote;
    if (best.candidate !== this.#proposal.candidate) this.#propose(best);
    else this.#judge();
  }

  /** True when `a` may be voted for and is better than `b`: the more recent log, then the greater id. */
  #better(a: Proposal, b: Proposal): boolean {
    if (a.candidate === 0 || !this.#eligible(a.candidate)) return false;
    if (b.candidate === 0) return true;
    const order = comparePositions(a.key, b.key);
    return order === 0 ? a.candidate > b.candidate : order > 0;
  }

  #eligible(candidate: number): boolean {
    if (candidate === this.#context.self) return this.#standing === 'candidate';
    return this.#counts(candidate);
  }

  /** A linked voter, in the life that the configuration names. */
  #counts(id: number): boolean {
    const peer = this.#context.peers.get(id);
    return peer !== undefined && this.#context.members.counts(id, peer.incarnation);
  }

  #judge(): void {
    const { candidate } = this.#proposal;
    const { members, self, peers, nowMs } = this.#context;
    const agrees = (voter: number): boolean => this.#agrees(voter);
    const isReady = candidate !== 0 && agrees(candidate) && isQuorum(members.verifiers, agrees);
    if (!isReady) {
      this.#decideAtMs = undefined;
      return;
    }
    const linked = [...peers.keys()].filter((id) => this.#counts(id));
    if ([self, ...linked].every(agrees)) {
      this.#outcome = candidate;
    } else if (this.#decideAtMs === undefined) {
      this.#decideAtMs = nowMs + this.#waitMs;
      this.#waitMs = Math.min(this.#waitMs * 2, WAIT_MAX_MS);
    }
  }

  #agrees(voter: number): boolean {
    const vote = this.#votes.get(voter);
    if (vote?.round !== this.#round) return false;
    const { candidate, key } = this.#proposal;
    return vote.candidate === candidate && comparePositions(vote.key, key) === 0;
  }

  #message(): VoteMessage {
    const { epoch } = this.#context.log.durable;
    const { candidate, key } = this.#proposal;
    return {
      ...{ type: 'VOTE', round: this.#round, candidate, key },
      ...{ state: 'looking', epoch, leader: undefined },
    };
  }

  #broadcast(): void {
    for (const peer of this.#context.peers.keys()) this.#sendTo(peer);
  }

  #sendTo(peer: number): void {
    this.#context.outbox.send(peer, this.#message());
  }

  #scheduleResend(): void {
    const { nowMs, options } = this.#context;
    const jitter = options.random?.(this.#resendMs / 2) ?? 0;
    this.#resendAtMs = nowMs + this.#resendMs + jitter;
  }
}
