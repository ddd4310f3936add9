/**
 * What a process has done to its disk and sent through its sockets, call by call, as `preload.c` has written it
 * down. What stands earlier has happened earlier: a call that had ended before another one began had its effect
 * before it.
 */

/** The same numbers stand in `preload.c`. */
const operations = {
  1: 'open',
  2: 'write',
  3: 'sync',
  4: 'rename',
  5: 'unlink',
  6: 'mkdir',
  7: 'truncate',
  8: 'read',
  9: 'send',
  10: 'strange',
} as const;

export interface TraceEvent {
  readonly operation: (typeof operations)[keyof typeof operations];
  readonly phase: 'begin' | 'end';
  readonly process: number;
  /** The same at the beginning and the end of one call, and of no other of the process. */
  readonly id: number;
  /** Descriptor of the process; -1 where there is none, as of an open that has not ended. */
  readonly fd: number;
  /** Of a write; the flags of an open; the length of a truncation; of a send the local port. */
  readonly offset: number;
  /** Of the end: what the call returned. Of the beginning of a write its length, of a send the remote port. */
  readonly result: number;
  /** `errno`; 0 for success. */
  readonly error: number;
  /** The call was tampered with. */
  readonly isFault: boolean;
  /** Relative to the traced directory, `''` for itself; of a rename the old and the new one. */
  readonly paths: readonly string[];
  /** Of the end of a write what was written, empty for zeros; of the beginning of a send what was to be sent. */
  readonly data: Uint8Array;
}

const HEAD_BYTES = 48;

/** @throws Error for what `preload.c` does not write; a last entry that is not whole is left out */
export function parseTrace(trace: Uint8Array): readonly TraceEvent[] {
  const view = new DataView(trace.buffer, trace.byteOffset, trace.byteLength);
  const events: TraceEvent[] = [];
  for (let at = 0; at + HEAD_BYTES <= trace.length;) {
    const size = view.getUint32(at, true);
    const operation = operations[view.getUint8(at + 4) as keyof typeof operations] as
      TraceEvent['operation'] | undefined;
    if (size < HEAD_BYTES || operation === undefined) {
      throw new Error(`no entry of a trace at byte ${at}`);
    }
    if (at + size > trace.length) break;
    const dataAt = at + HEAD_BYTES + view.getUint16(at + 6, true);
    const text = new TextDecoder().decode(trace.subarray(at + HEAD_BYTES, dataAt));
    events.push({
      operation,
      phase: view.getUint8(at + 5) === 0 ? 'begin' : 'end',
      id: view.getUint32(at + 8, true),
      fd: view.getInt32(at + 12, true),
      offset: Number(view.getBigInt64(at + 16, true)),
      result: Number(view.getBigInt64(at + 24, true)),
      error: view.getInt32(at + 32, true),
      process: view.getUint32(at + 40, true),
      isFault: view.getInt32(at + 36, true) !== 0,
      paths: text.split('\n'),
      data: trace.subarray(dataAt, at + size),
    });
    at += size;
  }
  return events;
}
