import type { Results } from '../results.ts';
import type { Ensemble } from './ensemble.ts';
import type { Figures } from './goals.ts';

export interface PeersContext {
  readonly results: Results;
  readonly figures: Figures;
  /** Those that are installed, ours first; all run at once and are asked in turns. */
  readonly ensembles: readonly Ensemble[];
  /** Of one measurement. */
  readonly seconds: number;
  /** Of each measurement of a rate. */
  readonly rounds: number;
  /** Of each kind of outage. */
  readonly trials: number;
  /** Writes that a follower misses before it comes back. */
  readonly missedWrites: number;
}

export type PeersCase = (context: PeersContext) => Promise<void>;
