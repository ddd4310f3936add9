/** What the core says of itself, in the words of the log. */
import { unreachable } from '../protocol/assert.ts';
import type { TraceEvent } from '../zab/index.ts';
import type { ReplicaLog } from './host.ts';

export function logTrace(log: ReplicaLog, event: TraceEvent): void {
  const { type, ...fields } = event;
  switch (type) {
    case 'role':
      log.info(fields, `this node is ${event.role}`);
      return;
    case 'elected':
      log.info(fields, 'a leader has been elected');
      return;
    case 'established':
      log.info(fields, 'the epoch is established');
      return;
    case 'serving':
      log.info(fields, 'this node is synchronized with its leader');
      return;
    case 'synced':
      log.info(fields, 'a learner is synchronized');
      return;
    case 'truncated':
      log.info(fields, 'records that were never committed have been removed from the log');
      return;
    case 'snapshot':
      log.info(fields, 'a learner gets a snapshot');
      return;
    case 'installed':
      log.info(fields, 'the snapshot of the leader has been installed');
      return;
    case 'recovered':
      log.info(fields, 'the damaged log has been replaced: this node counts again');
      return;
    case 'handoff':
      log.info(fields, 'the leadership is handed over');
      return;
    case 'reset':
      log.info(fields, 'this node looks for a leader');
      return;
    case 'alarm':
      log.warn({}, event.text);
      return;
    case 'violation':
      log.warn(fields, 'a peer has broken the protocol; its connection is closed');
      return;
    case 'promise':
    case 'epoch-record':
    case 'ignored':
      return;
    default:
      unreachable(type);
  }
}
