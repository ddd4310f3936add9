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
import type { DiskImage } from '../../scenario/harness/disk.ts';
import { Judge } from './invariants.ts';
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
    for (const index of indices) {
      const next = new Int32Array(state);
      const problem = this.#restart(state, index, next);
      if (typeof problem === 'string') throw new Error(problem);
      state.set(next);
    }
    return state;
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

  /**
   * Takes a step.
   * @param next becomes the state behind it
   * @returns false where the step cannot be taken, or what is wrong then
   */
  take(state: State, { kind, node, other }: Step, next: State): boolean | string {
    next.set(state);
    const local = this.node(state, node);
    const { running } = local;
    if (kind === 'restart') return running === undefined && this.#restart(state, node, next);
    if (running === undefined) return false;
    switch (kind) {
      case 'deliver':
        return this.#deliver(state, { node, other }, next);
      case 'log':
        return running.logWork > 0 && this.#tell(state, { node, input: this.#inputs.log }, next);
      case 'promise':
        if (running.promiseWork === 0) return false;
        return this.#tell(state, { node, input: this.#inputs.promise }, next);
      case 'propose':
        return running.canPropose && this.#propose(state, node, next);
      case 'lead':
        if (running.role !== 'looking' || !this.#isTurn(next, node)) return false;
        if (!spend(next, 'elections')) return false;
        return this.#tell(state, { node, input: this.#lead }, next);
      case 'follow':
        if (running.role !== 'looking' || !this.#isTurn(next, node)) return false;
        return this.#follow(state, { node, other }, next);
      case 'timeout':
        if (running.role === 'looking' && this.#options.votes !== true) return false;
        if (!spend(next, 'timeouts')) return false;
        return this.#tell(state, { node, input: this.#inputs.timeout }, next);
      case 'crash':
        return spend(next, 'crashes') && this.#crash(state, node, next);
      case 'cut':
        return node < other && this.#cut(state, { node, other }, next);
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
    return this.locals.inputs.numberOf({ type: 'propose', payload: `t${number}` });
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
    return this.locals.inputs.numberOf({ type: 'follow', leader: node, round });
  }

  #boot(state: State, node: number): number {
    const peers = indices.flatMap((other) => {
      const { running } = this.node(state, other);
      return other === node || running === undefined ? [] : [running.peer];
    });
    return this.locals.inputs.numberOf({ type: 'boot', peers });
  }

  #restart(state: State, node: number, next: State): boolean | string {
    const input = this.#boot(state, node);
    const effect = this.locals.step(state[node] ?? -1, input);
    if (effect === undefined) return false;
    const peer = this.locals.at(effect.next).running?.peer;
    if (peer === undefined) return effect.problem ?? false;
    const up = this.locals.inputs.numberOf({ type: 'up', peer });
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
      const peer = this.node(state, from).running?.peer;
      if (peer === undefined) return false;
      const broken = this.lanes.broken(this.lane(state, from, to), ids[from] ?? 0);
      const up = this.locals.inputs.numberOf({ type: 'up', peer });
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
    for (const { to, input } of effect.sent) {
      const other = ids.indexOf(to as 9);
      if (this.node(next, other).running === undefined) continue;
      if (this.lanes.isOpening(this.lane(next, other, node))) continue;
      next[laneAt(node, other)] = this.lanes.push(this.lane(next, node, other), input);
    }
    const judged = this.#judge.judge({
      past: state[PAST] ?? -1,
      ...{ before: this.#nodes(state), after: this.#nodes(next), index: node, effect },
    });
    if (typeof judged === 'string') return judged;
    next[PAST] = judged;
    return true;
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
