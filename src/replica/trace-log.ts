/** What the core says of itself, in the words of the log. */
import type { TraceEvent } from '../zab/index.ts';
import type { ReplicaLog } from './host.ts';

/** What is told to operators; the rest is for tests. */
const texts: Partial<Record<TraceEvent['type'], string>> = {
  elected: 'a leader has been elected',
  established: 'the epoch is established',
  serving: 'this node is synchronized with its leader',
  synced: 'a learner is synchronized',
  truncated: 'records that were never committed have been removed from the log',
  snapshot: 'a learner gets a snapshot',
  installed: 'the snapshot of the leader has been installed',
  recovered: 'the damaged log has been replaced: this node counts again',
  handoff: 'the leadership is handed over',
  reset: 'this node looks for a leader',
};

export function logTrace(log: ReplicaLog, event: TraceEvent): void {
  const { type, ...fields } = event;
  if (event.type === 'alarm') {
    log.warn({}, event.text);
  } else if (event.type === 'violation') {
    log.warn(fields, 'a peer has broken the protocol; its connection is closed');
  } else if (event.type === 'role') {
    log.info(fields, `this node is ${event.role}`);
  } else {
    const text = texts[type];
    if (text !== undefined) log.info(fields, text);
  }
}
