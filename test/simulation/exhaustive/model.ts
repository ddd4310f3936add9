/**
 * The ensemble as a set of states and steps: three nodes, what is on its way between them, and how much may
 * still go wrong. A state is eleven numbers: of each node's state, of what is on each of the six lanes, of the
 * past, and of the budget.
 *
 * What a node does is the production core's; what is between nodes is this: a lane from each to each other that
 * keeps its order, lost with either end. A process that begins sees its links at once, and the others see it as
 * it arrives. Who leads is not elected where `votes` is false: any node that may stand for it is made leader, by
 * votes of its peers that they may never have given, and any node that looks follows whoever leads. Safety must
 * not depend on elections, so that is more than they can do, and far fewer states.
 */
import type { Peer } from '../../../src/zab/index.ts';
import type { DiskImage } from '../../scenario/harness/disk.ts';
import { clusterIdOf } from '../../scenario/harness/found.ts';
import { isSameToOthers, Judge } from './invariants.ts';
import { EMPTY, Lanes } from './lanes.ts';
import { Locals } from './locals.ts';
import type { Effect, Local } from './locals.ts';
import { Logs } from './logs.ts';
import type { Core } from './open-core.ts';
import { imageText } from './process.ts';
import { WIDTH } from './state-table.ts';
import type { State } from './state-table.ts';

/** How often each may happen; each at most 15 times. */
export interface Budget {
  readonly crashes: number;
  readonly timeouts: number;
  readonly transactions: number;
  /** Of leaders; nothing where nodes vote. */
  readonly elections: number;
  /** Connections that are lost between two that run. */
  readonly cuts: number;
}

export interface ModelOptions {
  readonly core: Core;
  /** Of the three nodes, all of which run at first. */
  readonly disks: readonly DiskImage[];
  readonly budget: Budget;
  readonly votes?: boolean;
}

/** In the order of a step's number. */
export const kinds = [
  ...(['deliver', 'log', 'promise', 'restart', 'propose', 'lead', 'follow'] as const),
  ...(['timeout', 'crash', 'cut'] as const),
];
export type Kind = (typeof kinds)[number];

/** A step: what happens, at which node, and which other node has to do with it. */
export interface Step {
  readonly kind: Kind;
  readonly node: number;
  readonly other: number;
}

/** Server ids by the index of a node. */
export const ids = [9, 8, 7] as const;
const indices = [0, 1, 2] as const;

const PAST = 9;
const BUDGET = 10;
/** In the budget: set until B has led or followed. */
const SYMMETRY_BIT = 1 << 20;
const budgetBits = { crashes: 0, timeouts: 4, transactions: 8, elections: 12, cuts: 16 } as const;

export class Model {
  readonly logs = new Logs();
  readonly locals: Locals;
  readonly lanes: Lanes;
  readonly #judge = new Judge(this.logs);
  readonly #options: ModelOptions;
  readonly #inputs: { readonly log: number; readonly promise: number; readonly timeout: number };
  readonly #lead: number;
  readonly #isSymmetric: boolean;
  /** Inputs that are known: by what is left of the budget, by tenure and leader, by the peers. */
  readonly #proposals: number[] = [];
  readonly #leaderships: number[] = [];
  readonly #boots = new Map<string, number>();

  constructor(options: ModelOptions) {
    const { core, votes = false } = options;
    this.#options = options;
    this.locals = new Locals({ core, voters: ids, votes }, this.logs);
    this.lanes = new Lanes(this.locals.inputs);
    const { inputs } = this.locals;
    this.#inputs = {
      log: inputs.numberOf({ type: 'log' }),
      promise: inputs.numberOf({ type: 'promise' }),
      timeout: inputs.numberOf({ type: 'timeout' }),
    };
    this.#lead = inputs.numberOf({ type: 'lead' });
    const images = new Set(options.disks.map(imageText));
    this.#isSymmetric = !votes && images.size === 1;
  }

  /** All processes have begun. */
  first(): State {
    const state = new Int32Array(WIDTH);
    const { disks, budget } = this.#options;
    for (const index of indices) {
      const disk = disks[index];
      if (disk === undefined) throw new Error(`node ${index} has no disk`);
      state[index] = this.locals.ofImage(ids[index], disk);
    }
    state[PAST] = this.#judge.pastOf(this.#nodes(state));
    for (const name of Object.keys(budgetBits) as (keyof Budget)[]) {
      state[BUDGET] = (state[BUDGET] ?? 0) + (budget[name] << budgetBits[name]);
    }
    if (this.#isSymmetric) state[BUDGET] = (state[BUDGET] ?? 0) | SYMMETRY_BIT;
    this.#begin(state);
    return state;
  }

  /** All at once, and each sees its links: so none of them is different from the others. */
  #begin(state: State): void {
    const peers = indices.map((index): Peer => {
      const { node: id, image } = this.node(state, index);
      const { incarnation } = image;
      return { id, incarnation, featureLevel: 1, clusterId: clusterIdOf(image) };
    });
    const effects = indices.map((index) => {
      const others = peers.filter((_peer, other) => other !== index);
      const input = this.locals.inputs.numberOf({ type: 'boot', peers: others });
      const effect = this.locals.step(state[index] ?? -1, input);
      if (effect?.problem !== undefined) throw new Error(effect.problem);
      return effect;
    });
    for (const [index, effect] of effects.entries()) state[index] = effect?.next ?? -1;
    for (const [index, effect] of effects.entries()) this.#send(state, index, effect?.sent ?? []);
  }

  node(state: State, index: number): Local {
    return this.locals.at(state[index] ?? -1);
  }

  lane(state: State, from: number, to: number): number {
    return state[laneAt(from, to)] ?? EMPTY;
  }

  /** Records that are committed there. */
  committed(state: State): number {
    return this.logs.lengthOf(this.#judge.committedOf(state[PAST] ?? -1));
  }

  /** What is wrong with a state in which nothing is on its way. */
  atRest(state: State): string | undefined {
    return this.#judge.atRest(this.#nodes(state));
  }

  /**
   * Takes a step.
   * @param next becomes the state behind it
   * @returns false where the step cannot be taken, or what is wrong then
   */
  take(state: State, step: Step, next: State): boolean | string {
    const { kind, node } = step;
    next.set(state);
    const { running } = this.node(state, node);
    if (kind === 'restart') return running === undefined && this.#restart(state, node, next);
    if (running === undefined) return false;
    switch (kind) {
      case 'deliver':
        return this.#deliver(state, step, next);
      case 'log':
        return running.logWork > 0 && this.#tell(state, { node, input: this.#inputs.log }, next);
      case 'promise':
        if (running.promiseWork === 0) return false;
        return this.#tell(state, { node, input: this.#inputs.promise }, next);
      case 'propose':
        return running.canPropose && this.#propose(state, node, next);
      case 'lead':
      case 'follow':
        return running.role === 'looking' && this.#beElected(state, step, next);
      default:
        return this.#fail(state, step, next);
    }
  }

  /** What a step tells its node; undefined where it tells it nothing, or ends it. */
  inputOf(state: State, step: Step): number | undefined {
    const { kind, node, other } = step;
    if (kind === 'deliver') return this.lanes.first(this.lane(state, other, node));
    if (kind === 'log' || kind === 'promise' || kind === 'timeout') return this.#inputs[kind];
    if (kind === 'lead') return this.#lead;
    if (kind === 'propose') return this.#proposal(state);
    if (kind === 'follow') return this.#leadership(state, other);
    if (kind === 'restart') return this.#boot(state, node);
    return undefined;
  }

  /**
   * Three nodes with the same on their disks differ only in their names. So whatever happens happens, under other
   * names, where A is the first to lead, and B the first of the others to lead or to follow.
   */
  #isTurn(next: State, node: number): boolean {
    if (!this.#isSymmetric) return true;
    const isFirstElection = left(next, 'elections') === this.#options.budget.elections;
    if (isFirstElection) return node === 0;
    const budget = next[BUDGET] ?? 0;
    if (node === 2) return (budget & SYMMETRY_BIT) === 0;
    if (node === 1) next[BUDGET] = budget & ~SYMMETRY_BIT;
    return true;
  }

  #beElected(state: State, step: Step, next: State): boolean | string {
    const { kind, node } = step;
    if (this.#options.votes === true || !this.#isTurn(next, node)) return false;
    if (kind === 'follow') return this.#follow(state, step, next);
    return spend(next, 'elections') && this.#tell(state, { node, input: this.#lead }, next);
  }

  #fail(state: State, step: Step, next: State): boolean | string {
    const { kind, node, other } = step;
    if (kind === 'crash') return spend(next, 'crashes') && this.#crash(state, node, next);
    if (kind === 'cut') return node < other && this.#cut(state, step, next);
    const isLooking = this.node(state, node).running?.role === 'looking';
    if (isLooking && this.#options.votes !== true) return false;
    if (!spend(next, 'timeouts')) return false;
    return this.#tell(state, { node, input: this.#inputs.timeout }, next);
  }

  #deliver(state: State, at: { node: number; other: number }, next: State): boolean | string {
    const lane = this.lane(state, at.other, at.node);
    if (lane === EMPTY) return false;
    next[laneAt(at.other, at.node)] = this.lanes.rest(lane);
    return this.#tell(state, { node: at.node, input: this.lanes.first(lane) }, next);
  }

  #propose(state: State, node: number, next: State): boolean | string {
    if (!spend(next, 'transactions')) return false;
    return this.#tell(state, { node, input: this.#proposal(state) }, next);
  }

  /** A payload that no other proposal on this way has. */
  #proposal(state: State): number {
    const number = left(state, 'transactions');
    return (this.#proposals[number] ??= this.locals.inputs.numberOf({
      ...{ type: 'propose', payload: `t${number}` },
    }));
  }

  #follow(state: State, at: { node: number; other: number }, next: State): boolean | string {
    if (at.node === at.other || this.lanes.isOpening(this.lane(state, at.other, at.node))) {
      return false;
    }
    if (this.node(state, at.other).running?.role !== 'leading') return false;
    return this.#tell(state, { node: at.node, input: this.#leadership(state, at.other) }, next);
  }

  /** What a leader says of itself. */
  #leadership(state: State, leader: number): number {
    const { node, running } = this.node(state, leader);
    const round = running?.tenure ?? 0;
    return (this.#leaderships[round * 16 + node] ??= this.locals.inputs.numberOf({
      ...{ type: 'follow', leader: node, round },
    }));
  }

  #boot(state: State, node: number): number {
    const others = indices.flatMap((other) => {
      const { running } = this.node(state, other);
      return other === node || running === undefined ? [] : [running];
    });
    const key = others.map(({ up }) => up).join();
    let boot = this.#boots.get(key);
    if (boot === undefined) {
      const peers = others.map(({ peer }) => peer);
      boot = this.locals.inputs.numberOf({ type: 'boot', peers });
      this.#boots.set(key, boot);
    }
    return boot;
  }

  #restart(state: State, node: number, next: State): boolean | string {
    const input = this.#boot(state, node);
    const effect = this.locals.step(state[node] ?? -1, input);
    if (effect === undefined) return false;
    const up = this.locals.at(effect.next).running?.up;
    if (up === undefined) return effect.problem ?? false;
    for (const other of indices) {
      if (other === node || this.node(state, other).running === undefined) continue;
      next[laneAt(node, other)] = this.lanes.push(this.lane(state, node, other), up);
      next[laneAt(other, node)] = EMPTY;
    }
    return this.#take(state, { node, effect }, next);
  }

  #crash(state: State, node: number, next: State): boolean | string {
    const ended = this.locals.ended(state[node] ?? -1);
    for (const other of indices) {
      if (other === node) continue;
      next[laneAt(other, node)] = EMPTY;
      const isThere = this.node(state, other).running !== undefined;
      const lane = this.lane(state, node, other);
      next[laneAt(node, other)] = isThere ? this.lanes.broken(lane, ids[node] ?? 0) : EMPTY;
    }
    const effect = { next: ended, sent: [], begun: 0, problem: undefined };
    return this.#take(state, { node, effect }, next);
  }

  /** The connection of two nodes is lost, and there is another one at once. */
  #cut(state: State, at: { node: number; other: number }, next: State): boolean | string {
    if (this.node(state, at.other).running === undefined || !spend(next, 'cuts')) return false;
    for (const [from, to] of [
      [at.node, at.other],
      [at.other, at.node],
    ] as const) {
      const up = this.node(state, from).running?.up;
      if (up === undefined) return false;
      const broken = this.lanes.broken(this.lane(state, from, to), ids[from] ?? 0);
      next[laneAt(from, to)] = this.lanes.push(broken, up);
    }
    return true;
  }

  #tell(state: State, at: { node: number; input: number }, next: State): boolean | string {
    const effect = this.locals.step(state[at.node] ?? -1, at.input);
    if (effect === undefined) return false;
    return this.#take(state, { node: at.node, effect }, next);
  }

  /** What a node has done, put into the state. */
  #take(state: State, at: { node: number; effect: Effect }, next: State): boolean | string {
    const { node, effect } = at;
    next[node] = effect.next;
    this.#send(next, node, effect.sent);
    if (effect.problem !== undefined) return effect.problem;
    const [was, is] = [this.node(state, node), this.node(next, node)];
    if (effect.begun === 0 && isSameToOthers(was, is)) return true;
    const { begun } = effect;
    const past = state[PAST] ?? -1;
    const judged = this.#judge.judge({ past, was, is, nodes: this.#nodes(next), begun });
    if (typeof judged === 'string') return judged;
    next[PAST] = judged;
    return true;
  }

  /** What is sent where no connection is, or none that the sender knows of, is lost. */
  #send(state: State, node: number, sent: Effect['sent']): void {
    for (const { to, input } of sent) {
      const other = ids.indexOf(to as 9);
      if (this.node(state, other).running === undefined) continue;
      if (this.lanes.isOpening(this.lane(state, other, node))) continue;
      state[laneAt(node, other)] = this.lanes.push(this.lane(state, node, other), input);
    }
  }

  #nodes(state: State): readonly Local[] {
    return indices.map((index) => this.node(state, index));
  }
}

function laneAt(from: number, to: number): number {
  return 3 + from * 2 + (to > from ? to - 1 : to);
}

function left(state: State, name: keyof Budget): number {
  return ((state[BUDGET] ?? 0) >> budgetBits[name]) & 15;
}

/** @returns false where nothing is left of it */
function spend(next: State, name: keyof Budget): boolean {
  if (left(next, name) === 0) return false;
  next[BUDGET] = (next[BUDGET] ?? 0) - (1 << budgetBits[name]);
  return true;
}
