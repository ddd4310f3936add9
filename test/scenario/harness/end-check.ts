/**
 * The end of every scenario: all that was broken is healed, time goes on, and the cluster must come to rest
 * with one leader, equal logs, and everything that was ever committed.
 */
import type { Scenario } from './commands.ts';
import type { ScenarioNode } from './node.ts';
import { positionText } from './words.ts';

/** Longer than any timeout of the core. */
const LIMIT_MS = 60_000;

export function endCheck(scenario: Scenario): void {
  const { world } = scenario;
  const before = world.takeLines();
  for (const node of world.nodes) node.disk.stalled = 'nothing';
  for (const [index, a] of world.nodes.entries()) {
    for (const b of world.nodes.slice(index + 1)) world.network.heal(a.id, b.id);
  }
  for (const node of world.nodes) {
    if (!node.isRunning) world.start(node);
    else if (node.paused) node.resume();
  }
  world.connectAll();
  const isSettled = world.settle(LIMIT_MS);
  const said = world.takeLines().filter((line) => /^(VIOLATION|FAILED)/.test(line));
  for (const line of [...before, ...said]) world.say(line);
  if (!isSettled) scenario.fail('the cluster does not come to rest');
  const [leader] = world.nodes.filter(({ core }) => core.status.established);
  if (leader === undefined) return;
  for (const node of world.nodes) compare(scenario, leader, node);
  const { status } = leader.core;
  const history = world.checker.committedPayloads.join(' ') || 'nothing';
  world.say(`end: ${leader.name} leads, all are at ${positionText(status.last)}`);
  world.say(`end: committed ${history}`);
}

/** A node has what its leader has, from where its own log begins. */
function compare(scenario: Scenario, leader: ScenarioNode, node: ScenarioNode): void {
  const theirs = new Map(leader.disk.image.records.map((record) => [record.zxid, record]));
  for (const record of node.disk.image.records) {
    const other = theirs.get(record.zxid);
    if (other !== undefined && other.chain !== record.chain) {
      scenario.world.violate(`${node.name} ends with another record at ${positionText(record)}`);
    }
  }
  if (positionText(node.disk.last) !== positionText(leader.disk.last)) {
    scenario.fail(`${node.name} ends at ${positionText(node.disk.last)}`);
  }
}
