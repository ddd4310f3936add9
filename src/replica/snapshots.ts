/**
 * Snapshots: the replicated state at one zxid, exact although writes go on meanwhile, made in slices
 * between events. A snapshot is a sequence of chunks; the first byte of each says what it holds.
 *
 *   1 header   JSON: format, zxid, digest, the last epoch record
 *   2 tree     a chunk of `TreeSnapshot`
 *   3 sessions a chunk of the session table
 *   4 answers  JSON: remembered idempotency answers, oldest first
 *   6 acls     JSON: what numbers of ACLs meant that may stand in the records before it, and until when
 *   5 end      empty: whatever ends without it is incomplete
 */
import { assert } from '../protocol/assert.ts';
import type { Zxid } from '../protocol/model.ts';
import type { SessionSnapshot } from '../sessions/index.ts';
import type { FormerAcl, TreeSnapshot } from '../tree/index.ts';
import { aclBytes } from '../tree/index.ts';
import { costOf } from './idempotency.ts';
import type { RememberedAnswer } from './idempotency.ts';
import type { StateMachine } from './state-machine.ts';

const HEADER = 1;
const TREE = 2;
const SESSIONS = 3;
const ANSWERS = 4;
const END = 5;
const FORMER_ACLS = 6;

// 1 had no generations in its rows of sessions, 2 forgot no ACL and knew no owners of answers.
const FORMAT = 3;
/** Bytes of one slice, about, if what it begins with is not longer: about a millisecond of work. */
const SLICE_BYTES = 128 * 1024;

interface Header {
  readonly format: number;
  readonly zxid: Zxid;
  readonly digest: string;
  /** Its zxid and its payload in base64. */
  readonly epochRecord?: readonly [Zxid, string];
  /** The records behind this zxid can be judged by the former ACLs. */
  readonly judgesAfter: Zxid;
}

type StoredAnswer = readonly [
  key: string,
  owner: string,
  fingerprint: string,
  zxid: Zxid,
  result: string,
];

/** The state of this very moment, to be read chunk by chunk while the state moves on. */
export class StateSnapshot {
  readonly #header: Header;
  readonly #tree: TreeSnapshot;
  readonly #sessions: SessionSnapshot;
  readonly #answers: readonly (readonly [string, RememberedAnswer])[];
  readonly #formerAcls: readonly FormerAcl[];

  constructor(state: StateMachine) {
    this.#header = headerOf(state);
    this.#tree = state.tree.beginSnapshot();
    this.#sessions = state.sessions.startSnapshot();
    this.#answers = state.idempotency.entries();
    this.#formerAcls = state.formerAcls.list();
  }

  *chunks(): Generator<Uint8Array> {
    yield tagged(HEADER, text(this.#header));
    for (let slice = this.#tree.next(SLICE_BYTES); slice; slice = this.#tree.next(SLICE_BYTES)) {
      yield tagged(TREE, slice);
    }
    for (let slice = this.#sessions.next(); slice; slice = this.#sessions.next()) {
      yield tagged(SESSIONS, slice);
    }
    for (const slice of slices(this.#answers, ([key, answer]) => costOf(key, answer))) {
      yield tagged(ANSWERS, text(slice.map(store)));
    }
    for (const slice of slices(this.#formerAcls, ({ acl }) => aclBytes(acl))) {
      yield tagged(FORMER_ACLS, text(slice));
    }
    yield tagged(END, new Uint8Array(0));
  }

  /** Gives up: the state stops keeping before-images. */
  abort(): void {
    this.#tree.abort();
    this.#sessions.abandon();
  }
}

/**
 * Loads a snapshot into a fresh state and verifies its digest.
 * @throws Error when it is incomplete, of an unknown format, or not what its digest says
 */
export async function loadSnapshot(
  state: StateMachine,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  let header: Header | undefined;
  let ended = false;
  for await (const chunk of chunks) {
    if (ended) throw new Error('snapshot: something stands behind its end');
    const body = chunk.subarray(1);
    if (chunk[0] === HEADER) header = readHeader(body);
    else if (header === undefined) throw new Error('snapshot: its header is missing');
    else if (chunk[0] === END) ended = true;
    else loadChunk(state, chunk[0], body);
  }
  if (header === undefined || !ended) throw new Error('snapshot: it is incomplete');
  if (header.epochRecord !== undefined) {
    const [zxid, payload] = header.epochRecord;
    state.restoreEpochRecord({ zxid, payload: Buffer.from(payload, 'base64') });
  }
  state.formerAcls.forgetUntil(header.judgesAfter);
  state.tree.finishLoad({ zxid: header.zxid });
  const digest = state.digest();
  if (digest !== header.digest) {
    throw new Error(`snapshot: its digest is ${header.digest}, its content has ${digest}`);
  }
}

function headerOf(state: StateMachine): Header {
  const { zxid, epochRecord } = state;
  const judgesAfter = state.formerAcls.forgottenUntil;
  const header = { format: FORMAT, zxid, digest: state.digest(), judgesAfter };
  if (epochRecord === undefined) return header;
  const payload = Buffer.from(epochRecord.payload).toString('base64');
  return { ...header, epochRecord: [epochRecord.zxid, payload] };
}

function loadChunk(state: StateMachine, tag: number | undefined, body: Uint8Array): void {
  switch (tag) {
    case TREE:
      state.tree.loadChunk(body);
      return;
    case SESSIONS:
      state.sessions.decodeChunk(body);
      return;
    case ANSWERS:
      for (const [key, owner, fingerprint, zxid, text] of parse(body) as StoredAnswer[]) {
        const result = encoder.encode(text);
        state.idempotency.remember(zxid, { key, owner, fingerprint, result });
      }
      return;
    case FORMER_ACLS:
      for (const former of parse(body) as FormerAcl[]) state.formerAcls.add(former);
      return;
    default:
      throw new Error(`snapshot: unknown chunk ${String(tag)}`);
  }
}

function readHeader(body: Uint8Array): Header {
  const header = parse(body) as Header;
  if (header.format !== FORMAT) {
    throw new Error(`snapshot: format ${String(header.format)} is not known to this version`);
  }
  return header;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function text(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes)) as unknown;
}

function store([key, answer]: readonly [string, RememberedAnswer]): StoredAnswer {
  const { owner, fingerprint, zxid, result } = answer;
  return [key, owner, fingerprint, zxid, decoder.decode(result)];
}

/** The items in runs of about `SLICE_BYTES`, so that no chunk becomes long. */
function* slices<T>(items: readonly T[], bytesOf: (item: T) => number): Generator<readonly T[]> {
  let first = 0;
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    bytes += bytesOf(item);
    if (bytes < SLICE_BYTES) continue;
    yield items.slice(first, index + 1);
    first = index + 1;
    bytes = 0;
  }
  if (first < items.length) yield items.slice(first);
}

function tagged(tag: number, body: Uint8Array): Uint8Array {
  assert(tag > 0 && tag < 256, 'a tag is one byte');
  const chunk = new Uint8Array(body.length + 1);
  chunk[0] = tag;
  chunk.set(body, 1);
  return chunk;
}
