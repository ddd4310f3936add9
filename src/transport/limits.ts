/** Every limit of the links, with its name and unit. */
import { assert } from '../protocol/assert.ts';
import { recordBytesMax } from '../zab/index.ts';

export interface TransportLimits {
  /** Payload of one frame: the longest record and what stands before it. */
  readonly frameBytesMax: number;
  /** The same before a connection has said who it is. */
  readonly helloBytesMax: number;
  /** Time for a connection to say who it is, milliseconds. */
  readonly helloTimeoutMs: number;
  /** Time for a connection to be made, milliseconds. */
  readonly connectTimeoutMs: number;
  /** Connections that have not said who they are; of more, the oldest are closed. */
  readonly pendingConnectionsMax: number;
  /** Bytes that wait for one peer; a peer that lets more wait is disconnected and starts anew. */
  readonly queueBytesMax: number;
  /** First and longest wait before a peer is dialled again, milliseconds. */
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  /** How often a peer that is to dial is asked whether it is still there, after its connection was lost. */
  readonly probesMax: number;
  /** A connection that carries nothing else carries a sign of life so often, milliseconds. */
  readonly aliveMs: number;
  /** A connection on which nothing has come for so long is given up, milliseconds. */
  readonly silenceMs: number;
  /** The same complaint about the same peer is logged at most so often, milliseconds. */
  readonly complaintIntervalMs: number;
  /** Time for what is queued to leave when the node stops, milliseconds. */
  readonly drainMs: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const defaultTransportLimits: TransportLimits = {
  frameBytesMax: recordBytesMax + 64 * KIB,
  helloBytesMax: 16 * KIB,
  helloTimeoutMs: 2000,
  connectTimeoutMs: 2000,
  pendingConnectionsMax: 64,
  queueBytesMax: recordBytesMax + 96 * MIB,
  redialMinMs: 20,
  redialMaxMs: 1000,
  probesMax: 6,
  aliveMs: 500,
  silenceMs: 3000,
  complaintIntervalMs: 60_000,
  drainMs: 500,
};

/** @throws InvariantError where two limits contradict one another. */
export function checkTransportLimits(limits: TransportLimits): void {
  assert(
    limits.frameBytesMax <= limits.queueBytesMax,
    'transport limits: one frame must fit into the queue of a peer',
  );
  assert(
    limits.aliveMs * 2 < limits.silenceMs,
    'transport limits: a sign of life must fit twice into the silence that is allowed',
  );
  assert(
    limits.redialMinMs > 0 && limits.redialMinMs <= limits.redialMaxMs,
    'transport limits: the first wait must not exceed the longest',
  );
}
