/** A way through the model in words. */
import { messageText } from '../../scenario/harness/describe.ts';
import { nameOf, positionText } from '../../scenario/harness/words.ts';
import type { Input } from './process.ts';
import { ids } from './model.ts';
import type { Model, Step } from './model.ts';

/** @returns one line for each step, and below it what the node tells */
export function tell(model: Model, way: readonly Step[]): string[] {
  const state = model.first();
  const next = new Int32Array(state);
  const lines: string[] = [];
  for (const step of way) {
    const name = nameOf(ids[step.node] ?? 0);
    const input = model.inputOf(state, step);
    if (input === undefined) {
      const other = nameOf(ids[step.other] ?? 0);
      lines.push(step.kind === 'cut' ? `${name} and ${other} lose their link` : `${name} crashes`);
    } else {
      lines.push(`${name} ${textOf(model.locals.inputs.at(input))}`);
      const told = model.locals.tell(state[step.node] ?? -1, input);
      for (const event of told) lines.push(`    ${event}`);
    }
    model.take(state, step, next);
    state.set(next);
  }
  for (const index of [0, 1, 2]) {
    const { node, diskLog, hintLog } = model.node(state, index);
    const log = model.logs.recordsOf(diskLog).map((record) => positionText(record));
    const hint = positionText(model.logs.lastOf(hintLog));
    lines.push(`${nameOf(node)}'s disk: ${log.join(' ') || 'nothing'}; committed at least ${hint}`);
  }
  return lines;
}

function textOf(input: Input): string {
  switch (input.type) {
    case 'boot':
      return `begins, linked with ${input.peers.map(({ id }) => nameOf(id)).join(' and ') || 'nobody'}`;
    case 'up':
      return `sees a link with ${nameOf(input.peer.id)}`;
    case 'down':
      return `sees that the link with ${nameOf(input.peer)} is gone`;
    case 'message':
      return `gets of ${nameOf(input.from)}: ${messageText(input.message)}`;
    case 'log':
      return 'has the next of its log on disk';
    case 'promise':
      return 'has its promise on disk';
    case 'timeout':
      return 'waits in vain until a deadline';
    case 'propose':
      return `proposes ${input.payload}`;
    case 'lead':
      return 'is made leader';
    case 'follow':
      return `is told that ${nameOf(input.leader)} leads`;
  }
}
