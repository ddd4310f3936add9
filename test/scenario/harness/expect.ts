/** What scripts expect of the state, as `expect [not] <what> …`. */
import type { ScenarioNode } from './node.ts';
import { payloadText, positionText } from './words.ts';
import type { World } from './world.ts';

type Judge = (world: World, args: readonly string[]) => boolean;

function hasPayload(node: ScenarioNode, payload: string): boolean {
  const { records } = node.disk.image;
  return [...records, ...node.log].some((record) => payloadText(record) === payload);
}

const judges: Readonly<Record<string, Judge>> = {
  /** `leader A [2]`: A leads an established epoch, which has this number. */
  leader: (world, [name = '', epoch]) => {
    const node = world.node(name);
    if (!node.isRunning) return false;
    const { status } = node.core;
    return status.established && (epoch === undefined || status.epoch === Number(epoch));
  },
  'no-leader': (world) => world.running.every(({ core }) => !core.status.established),
  /** `role A looking` */
  role: (world, [name = '', role]) => world.node(name).core.status.role === role,
  /** `following C A` */
  following: (world, [name = '', leader = '']) =>
    world.node(name).core.status.leader === world.node(leader).id,
  /** Its core says that it may serve, and it has applied its leader's epoch record. */
  serving: (world, [name = '']) => {
    const node = world.node(name);
    const { serving, epochStart } = node.core.status;
    return serving && node.applied.zxid >= (epochStart?.zxid ?? Infinity);
  },
  committed: (world, [name = '', at]) =>
    positionText(world.node(name).core.status.committed) === at,
  applied: (world, [name = '', at]) => positionText(world.node(name).applied) === at,
  durable: (world, [name = '', at]) => positionText(world.node(name).core.status.durable) === at,
  last: (world, [name = '', at]) => positionText(world.node(name).core.status.last) === at,
  /** `disk C 1/5`: the disk of C ends there. */
  disk: (world, [name = '', at]) => positionText(world.node(name).disk.last) === at,
  promise: (world, [name = '', epoch]) =>
    (world.node(name).disk.image.promise?.epoch ?? 0) === Number(epoch),
  barrier: (world, [name = '', label = '', outcome]) =>
    (world.node(name).settled.get(label) ?? 'waits') === outcome,
  /** `has C x1 x2`: in its log. */
  has: (world, [name = '', ...payloads]) =>
    payloads.every((payload) => hasPayload(world.node(name), payload)),
  /** No log has it, in memory or on disk. */
  nowhere: (world, payloads) =>
    payloads.every((payload) => world.nodes.every((node) => !hasPayload(node, payload))),
  /** `history x1 x2`: these transactions are committed, in this order, and no others. */
  history: (world, payloads) => world.checker.committedPayloads.join(' ') === payloads.join(' '),
  /** The process has ended by itself. */
  ended: (world, [name = '']) => world.node(name).endedBecause !== undefined,
  voter: (world, [name = '']) => world.node(name).core.status.voter,
  recovering: (world, [name = '']) => world.node(name).core.status.recovering,
};

export function judge(world: World, [what = '', ...args]: readonly string[]): boolean {
  const found = judges[what];
  if (found === undefined) throw new Error(`nothing can be expected of ${what}`);
  return found(world, args);
}
