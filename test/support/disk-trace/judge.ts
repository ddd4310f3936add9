/**
 * Judges a trace: nothing is said to anybody, and nothing that was certain is given up, before what it rests on
 * is certain to be there after a loss of power. Traces in, verdict out.
 */
import { Buffer } from 'node:buffer';
import { decodeMessage } from '../../../src/transport/codec.ts';
import { FrameParser, channels } from '../../../src/transport/frames.ts';
import { decodeHello } from '../../../src/transport/hello.ts';
import { Books } from './books.ts';
import type { Inode } from './books.ts';
import type { TraceEvent } from './events.ts';

export interface Expectation {
  /** On so many nodes a write is certain before it is acknowledged. */
  readonly quorum: number;
}

export interface Verdict {
  /** What is wrong, one sentence each, in the order of the trace. */
  readonly findings: readonly string[];
  /** Paths of znodes, in the order of their acknowledgements; each is written once. */
  readonly acknowledged: readonly string[];
  /** How much of each there was to judge: where one is 0 the verdict says nothing of it. */
  readonly seen: Readonly<Record<Judged, number>>;
}

type Judged =
  /** Syncs that ended well. */
  | 'syncs'
  /** Introductions to other nodes, which rest on the identity. */
  | 'hellos'
  /** Messages to other nodes that rest on a promise. */
  | 'promises'
  /** Files renamed into their place. */
  | 'replacements'
  /** Files of the log and snapshots that were removed. */
  | 'removals';

const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const acknowledgement = /^HTTP\/1\.1 20[01] .*\r\n\r\n\{"path":"(\/[^"]*)"/s;
const segmentName = /^(.*\/)log\/(\d{16})\.log$/;
const snapshotName = /^(.*\/)snapshots\/(\d{16})\.snapshot(\.install)?$/;

const runFile = /\/(pid|http\.port)$/;

/** @throws Error for a trace that cannot be */
export function judge(events: readonly TraceEvent[], { quorum }: Expectation): Verdict {
  const judgement = new Judgement(events, quorum);
  for (const event of events) judgement.take(event);
  const { findings, acknowledged, seen } = judgement;
  return { findings, acknowledged, seen };
}

class Judgement {
  readonly findings: string[] = [];
  readonly acknowledged: string[] = [];
  readonly seen = { syncs: 0, hellos: 0, promises: 0, replacements: 0, removals: 0 };
  readonly #quorum: number;
  readonly #books = new Books();
  /** Bytes of each send that the kernel took, by process and call. */
  readonly #sent: ReadonlyMap<string, number>;
  /** Of a connection to another node; undefined for one that is none. */
  readonly #streams = new Map<string, FrameParser | undefined>();
  /** The directory of each process, with a slash. */
  readonly #directories = new Map<number, string>();

  constructor(events: readonly TraceEvent[], quorum: number) {
    this.#quorum = quorum;
    const ends = events.filter(({ operation, phase }) => operation === 'send' && phase === 'end');
    this.#sent = new Map(ends.map((end) => [callOf(end), end.result]));
  }

  take(event: TraceEvent): void {
    const { operation, phase, error, process } = event;
    const [path = ''] = event.paths;
    if (path.includes('/')) this.#directories.set(process, `${path.split('/')[0] ?? ''}/`);
    if (operation === 'sync' && phase === 'end' && error === 0) this.seen.syncs += 1;
    if (operation === 'strange')
      this.findings.push(`${path} is a way to write that nobody follows`);
    if (phase === 'begin') {
      if (operation === 'send') this.#send(event);
      if (operation === 'unlink') this.#remove(path);
      if (operation === 'rename') this.#replace(event.paths);
    }
    this.#books.take(event);
  }

  #send(event: TraceEvent): void {
    const { process, offset: local, result: remote, data } = event;
    const text = Buffer.from(data).toString('latin1');
    const [, path] = acknowledgement.exec(text) ?? [];
    if (path !== undefined) this.#acknowledge(path);
    const stream = `${process}:${local}:${remote}`;
    if (!this.#streams.has(stream)) {
      const isPeer = data[4] === channels.hello && text.includes('ZGAT');
      this.#streams.set(stream, isPeer ? new FrameParser(FRAME_BYTES_MAX) : undefined);
    }
    const parser = this.#streams.get(stream);
    if (parser === undefined) return;
    // What the kernel has not taken is sent again by a later call.
    parser.push(Buffer.from(data.slice(0, Math.max(0, this.#sent.get(callOf(event)) ?? 0))));
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
      if (frame.channel === channels.hello) this.#hello(process, frame.payload);
      if (frame.channel === channels.zab) this.#message(process, frame.payload);
    }
  }

  #acknowledge(path: string): void {
    this.acknowledged.push(path);
    const marker = Buffer.from(path);
    const directories = new Set<string>();
    for (const [name, inode] of this.#books.certainFiles()) {
      const directory = (segmentName.exec(name) ?? snapshotName.exec(name))?.[1];
      if (directory !== undefined && holds(inode, marker)) directories.add(directory);
    }
    if (directories.size >= this.#quorum) return;
    this.findings.push(
      `${path} is acknowledged, and certain in ${directories.size} directories, not ${this.#quorum}`,
    );
  }

  #hello(process: number, payload: Uint8Array): void {
    const { hello } = decodeHello(payload);
    if (hello === undefined) return;
    this.seen.hellos += 1;
    const { incarnation, clusterId } = hello;
    for (const { value } of this.#twins(process, 'identity')) {
      if (value['incarnation'] === incarnation && value['clusterId'] === clusterId) continue;
      const said = JSON.stringify({ incarnation, clusterId });
      this.findings.push(`${said} is said to another node, and its identity is not certain`);
    }
  }

  #message(process: number, payload: Uint8Array): void {
    const message = decodeMessage(payload);
    const isPromise = message.type === 'LEADERINFO' || message.type === 'ACKEPOCH';
    if (!isPromise) return;
    this.seen.promises += 1;
    for (const { value } of this.#twins(process, 'promise')) {
      if (Number(value['epoch'] ?? 0) >= message.epoch) continue;
      this.findings.push(
        `${message.type} of epoch ${message.epoch} is sent, and its promise is not certain`,
      );
    }
  }

  /** Both copies of a small file as they would be found; an empty object for one that would not. */
  #twins(process: number, name: string): readonly { value: Record<string, unknown> }[] {
    const files = this.#books.certainFiles();
    const directory = this.#directories.get(process) ?? '';
    return ['.a', '.b'].map((suffix) => {
      const bytes = files.get(`${directory}${name}${suffix}`)?.content() ?? new Uint8Array();
      const [, json = '{"value":{}}'] =
        /^[0-9a-f]{8} (.*)\n$/s.exec(Buffer.from(bytes).toString()) ?? [];
      return JSON.parse(json) as { value: Record<string, unknown> };
    });
  }

  /**
   * Except for a new segment, whose last words need not be certain, since what is acknowledged is looked for
   * there; and for what is of use to a running process alone.
   */
  #replace([from = '', to = '']: readonly string[]): void {
    if (from.endsWith('/log/spare') || runFile.test(to)) return;
    this.seen.replacements += 1;
    if (this.#books.find(from)?.isSynced === true) return;
    this.findings.push(`${from} becomes ${to} before what it holds is certain`);
  }

  #remove(path: string): void {
    const [, directory, first] = segmentName.exec(path) ?? [];
    if (directory !== undefined) this.#removeSegment(path, directory, Number(first));
    const [, place, zxid, isInstall] = snapshotName.exec(path) ?? [];
    if (place === undefined || isInstall !== undefined) return;
    this.seen.removals += 1;
    if (this.#snapshots(place).some((other) => other > Number(zxid))) return;
    this.findings.push(`${path} is removed, and no later snapshot is certain`);
  }

  #removeSegment(path: string, directory: string, first: number): void {
    const segments = [...this.#books.certainFiles().keys()]
      .map((name) => segmentName.exec(name))
      .filter((match) => match?.[1] === directory)
      .map((match) => Number(match?.[2]));
    const next = Math.min(...segments.filter((other) => other > first));
    // Cut off at its end: a log is shortened from the end when others have not got what it holds.
    if (next === Infinity) return;
    this.seen.removals += 1;
    if (segments.some((other) => other < first)) {
      this.findings.push(
        `${path} is removed while it is not certain that those before it are gone`,
      );
    }
    if (this.#snapshots(directory).some((zxid) => zxid >= next - 1)) return;
    this.findings.push(`${path} is removed, and no snapshot of ${next - 1} or later is certain`);
  }

  /** Zxids of the snapshots that are certain to be there, whole. */
  #snapshots(directory: string): readonly number[] {
    return [...this.#books.certainFiles()]
      .filter(([name, inode]) => snapshotName.exec(name)?.[1] === directory && inode.isSynced)
      .map(([name]) => Number(snapshotName.exec(name)?.[2]));
  }
}

/** A short write may have cut it in two; to look at the whole file takes longer. */
function holds(inode: Inode, marker: Buffer): boolean {
  const isInOne = inode.changes.some(({ bytes, isCertain }) => {
    return isCertain && bytes !== undefined && Buffer.from(bytes).includes(marker);
  });
  return isInOne || Buffer.from(inode.content()).includes(marker);
}

function callOf({ process, id }: TraceEvent): string {
  return `${process}:${id}`;
}
