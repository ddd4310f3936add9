/** A node so small that a short life has everything in it: segments that fill, snapshots, a ring that overflows. */
import { defaultLimits } from '../../../src/protocol/limits.ts';
import type { Limits } from '../../../src/protocol/limits.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type { ReplicaSettings } from '../../../src/replica/index.ts';
import { StateMachine } from '../../../src/replica/state-machine.ts';
import { Ledger } from './ledger.ts';

export const segmentBytes = 4096;
export const snapshotsRetained = 2;
export const tickMs = 500;
export const sessionTimeoutMs = 2000;
export const containerCheckMs = 1000;

export const superIdentity: Identity = {
  scheme: 'digest',
  id: 'root:CCCCCCCCCCCCCCCCCCCCCCCCCCC=',
};

export const smallLimits: Limits = {
  ...defaultLimits,
  znodeDataBytesMax: 3000,
  ringTransactionsMax: 40,
  idempotencyKeysMax: 6,
  aclsMax: 6,
  treeNodesMax: 120,
};

export function settingsWith(limits: Limits): ReplicaSettings {
  return {
    ...{ self: 1, voters: [1], limits, tickMs, superIdentity },
    sessionTimeoutMinMs: 2 * tickMs,
    sessionTimeoutMaxMs: 60_000,
    sessionTimeoutDefaultMs: sessionTimeoutMs,
    containerCheckMs,
    containerNeverUsedMs: 3000,
    snapshotEveryTransactions: 30,
  };
}

export function newLedger(limits: Limits = smallLimits): Ledger {
  return new Ledger(limits, superIdentity, new StateMachine({ limits }));
}

/** `ZOOGATE_TEST_SEED` repeats a failure; else every run tries other seeds beside the fixed ones. */
export function seedsFor(fixed: readonly number[], fresh: number): readonly number[] {
  const given = process.env['ZOOGATE_TEST_SEED'];
  if (given !== undefined) return [Number(given)];
  const random = Array.from({ length: fresh }, () => Math.floor(Math.random() * 1_000_000_000));
  return [...fixed, ...random];
}

/** `ZOOGATE_TEST_SCALE=10` runs ten times as much. */
export const scale = Number(process.env['ZOOGATE_TEST_SCALE'] ?? 1);
