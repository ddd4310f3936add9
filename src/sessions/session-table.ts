/**
 * The replicated session table: which sessions live, their timeouts, the hash of each secret, and which
 * attachment of each is the newest. It changes only by applying committed transactions, so it is the same on every node at one zxid.
 *
 * Rows stand in id order in pages of typed arrays (56 bytes a session, no object per session), found by
 * binary search. Ids are zxids, so a new session is appended; closing shifts rows within one page, and
 * thin neighbours are merged, so that no single change costs more than a few microseconds and old
 * long-lived sessions cannot keep empty pages alive.
 */
import { assert } from '../protocol/assert.ts';
import type { SessionId, Zxid } from '../protocol/model.ts';
import { decodeRows, encodedRowBytes, encodeRow } from './session-rows.ts';
import type { SessionRow } from './session-rows.ts';
import { SessionDigest } from './session-digest.ts';

const PAGE_ROWS = 256;
const HASH_BYTES = 32;
/** Two neighbours with no more rows than this become one; well below a page, so that they do not split again. */
const MERGE_ROWS = 160;
const CHUNK_ROWS = 4096;

/** What a session is created with: timeout in milliseconds, SHA-256 of the secret's text. */
export interface SessionTerms {
  readonly timeoutMs: number;
  readonly secretHash: Uint8Array;
}

export class SessionTable {
  readonly #pages: Page[] = [];
  /**
   * Of each page a number above all ids of the page before it and not above its own: one dense array to
   * search, that need not change when a page loses its first row.
   */
  readonly #firsts: number[] = [];
  readonly #digest = new SessionDigest();
  #size = 0;
  #snapshot: OpenSnapshot | undefined;

  get size(): number {
    return this.#size;
  }

  /**
   * Two 32-bit lanes over all sessions, independent of the order in which they came and went: nodes
   * with equal tables have equal digests.
   */
  get digest(): readonly [number, number] {
    return this.#digest.lanes();
  }

  /** Applies `createSession`. The id must be new: it is the transaction's own zxid. */
  create(id: SessionId, terms: SessionTerms): void {
    assert(Number.isSafeInteger(id) && id > 0, `not a session id: ${String(id)}`);
    assert(terms.secretHash.length === HASH_BYTES, 'a secret hash has 32 bytes');
    assert(
      this.#snapshot === undefined || id > this.#snapshot.lastId,
      `session ${String(id)} is older than the open snapshot`,
    );
    this.#insert({ id, generation: id, ...terms });
  }

  /**
   * Applies `attachSession`: the session's newest attachment is the one of that transaction, and its
   * timeout the one that was negotiated with it.
   * @param attachment the transaction's own zxid, and milliseconds
   */
  attach(
    id: SessionId,
    { generation, timeoutMs }: { readonly generation: Zxid; readonly timeoutMs: number },
  ): void {
    const page = this.#pages[this.#pageIndexOf(id)];
    const row = page?.find(id) ?? -1;
    assert(page !== undefined && row >= 0, `there is no session ${String(id)} to attach to`);
    const old = page.rowAt(row);
    assert(generation > old.generation, `session ${String(id)}: an attachment out of order`);
    this.#snapshot?.keep(old);
    this.#digest.remove(old);
    page.generations[row] = generation;
    page.timeouts[row] = timeoutMs;
    this.#digest.add({ ...old, generation, timeoutMs });
  }

  /** Applies `closeSession`; false when there was no such session. */
  close(id: SessionId): boolean {
    const at = this.#pageIndexOf(id);
    const page = this.#pages[at];
    if (page === undefined) return false;
    const row = page.find(id);
    if (row < 0) return false;
    const old = page.rowAt(row);
    this.#snapshot?.keep(old);
    this.#digest.remove(old);
    page.remove(row);
    this.#size -= 1;
    this.#mergeAround(at);
    return true;
  }

  has(id: SessionId): boolean {
    return this.timeoutOf(id) !== undefined;
  }

  /** The session's replicated timeout in milliseconds; undefined when it does not live. */
  timeoutOf(id: SessionId): number | undefined {
    const page = this.#pages[this.#pageIndexOf(id)];
    if (page === undefined) return undefined;
    const row = page.find(id);
    return row < 0 ? undefined : page.timeouts[row];
  }

  /** The zxid of the session's newest attachment; undefined when it does not live. */
  generationOf(id: SessionId): Zxid | undefined {
    const page = this.#pages[this.#pageIndexOf(id)];
    if (page === undefined) return undefined;
    const row = page.find(id);
    return row < 0 ? undefined : page.generations[row];
  }

  /** The whole row; the hash is a copy. */
  get(id: SessionId): SessionRow | undefined {
    const page = this.#pages[this.#pageIndexOf(id)];
    if (page === undefined) return undefined;
    const row = page.find(id);
    return row < 0 ? undefined : page.rowAt(row);
  }

  /** Ids and timeouts in id order. The table must not change meanwhile. */
  *[Symbol.iterator](): Generator<{ readonly id: SessionId; readonly timeoutMs: number }> {
    for (const page of this.#pages) {
      for (let row = 0; row < page.count; row++) {
        yield { id: page.ids[row] ?? 0, timeoutMs: page.timeouts[row] ?? 0 };
      }
    }
  }

  /** The whole table as chunks for `decodeChunk`, all at once; equal tables give equal bytes. */
  encode(): Uint8Array[] {
    const snapshot = this.startSnapshot();
    const chunks: Uint8Array[] = [];
    for (let chunk = snapshot.next(); chunk !== undefined; chunk = snapshot.next()) {
      chunks.push(chunk);
    }
    return chunks;
  }

  /**
   * Begins an exact snapshot: the sessions of this very moment, taken chunk by chunk while the table
   * goes on changing. One at a time.
   */
  startSnapshot(): SessionSnapshot {
    assert(this.#snapshot === undefined, 'a snapshot of the sessions is open already');
    const last = this.#pages.at(-1);
    const snapshot = new OpenSnapshot(last === undefined ? 0 : last.lastId());
    this.#snapshot = snapshot;
    return {
      next: (rowsMax = CHUNK_ROWS) => {
        if (this.#snapshot !== snapshot) return undefined;
        const chunk = new Uint8Array(rowsMax * encodedRowBytes);
        const length = this.#encodeAfter(snapshot, chunk, snapshot.takeKept(chunk));
        if (length === 0) this.#snapshot = undefined;
        return length === 0 ? undefined : chunk.slice(0, length);
      },
      abandon: () => {
        if (this.#snapshot === snapshot) this.#snapshot = undefined;
      },
    };
  }

  /** Adds the sessions of one chunk, in any order of chunks. The caller has verified the checksum. */
  decodeChunk(chunk: Uint8Array): void {
    assert(this.#snapshot === undefined, 'what a snapshot is taken of is not loaded meanwhile');
    for (const row of decodeRows(chunk)) this.#insert(row);
  }

  #insert(row: SessionRow): void {
    this.#pageForInsert(row.id).insert(row);
    this.#size += 1;
    this.#digest.add(row);
  }

  /** Writes rows behind the snapshot's cursor into `chunk` from `offset` on. @returns the end */
  #encodeAfter(snapshot: OpenSnapshot, chunk: Uint8Array, offset: number): number {
    let end = offset;
    for (let at = Math.max(this.#pageIndexOf(snapshot.cursor), 0); at < this.#pages.length; at++) {
      const page = this.#pages[at];
      assert(page !== undefined, 'pages are dense');
      for (let row = page.firstAfter(snapshot.cursor); row < page.count; row++) {
        const id = page.ids[row] ?? Infinity;
        if (id > snapshot.lastId || end === chunk.length) return end;
        snapshot.cursor = id;
        if (snapshot.hasKept(id)) continue;
        encodeRow(chunk, end, page.rowAt(row));
        end += encodedRowBytes;
      }
    }
    return end;
  }

  /** Index of the only page that can hold `id`: the last one that begins at or before it; -1 = none. */
  #pageIndexOf(id: SessionId): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#firsts[middle] ?? Infinity) <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #pageForInsert(id: SessionId): Page {
    const at = Math.max(this.#pageIndexOf(id), 0);
    const page = this.#pages[at];
    if (page === undefined) return this.#addPage(at, id, new Page());
    if (id < (this.#firsts[at] ?? 0)) this.#firsts[at] = id;
    if (page.count < PAGE_ROWS) return page;
    if (at === this.#pages.length - 1 && id > page.lastId()) {
      return this.#addPage(at + 1, id, new Page());
    }
    const upper = page.split();
    const first = upper.ids[0] ?? Infinity;
    this.#addPage(at + 1, first, upper);
    return id >= first ? upper : page;
  }

  #addPage(at: number, first: SessionId, page: Page): Page {
    this.#pages.splice(at, 0, page);
    this.#firsts.splice(at, 0, first);
    return page;
  }

  #removePage(at: number): void {
    this.#pages.splice(at, 1);
    this.#firsts.splice(at, 1);
  }

  #mergeAround(at: number): void {
    const page = this.#pages[at];
    if (page === undefined) return;
    if (page.count === 0) {
      this.#removePage(at);
      return;
    }
    const left = this.#pages[at - 1];
    const right = this.#pages[at + 1];
    if (left !== undefined && left.count + page.count <= MERGE_ROWS) {
      left.append(page);
      this.#removePage(at);
    } else if (right !== undefined && right.count + page.count <= MERGE_ROWS) {
      page.append(right);
      this.#removePage(at + 1);
    }
  }
}

/** A snapshot that is being taken. */
export interface SessionSnapshot {
  /** The next chunk of at most `rowsMax` sessions; undefined at the end. */
  next(rowsMax?: number): Uint8Array | undefined;
  /** Gives it up early; harmless after the end. */
  abandon(): void;
}

/** Rows up to `lastId` existed at the start; those up to `cursor` have been taken already. */
class OpenSnapshot {
  readonly lastId: SessionId;
  cursor: SessionId = 0;
  /** Rows as they were at the start that have been closed or attached before they were taken. */
  #kept: SessionRow[] = [];
  readonly #keptIds = new Set<SessionId>();

  constructor(lastId: SessionId) {
    this.lastId = lastId;
  }

  /** A session is closed or changes: its row as it is now belongs to the snapshot, unless an older one does. */
  keep(row: SessionRow): void {
    if (row.id <= this.cursor || row.id > this.lastId || this.#keptIds.has(row.id)) return;
    this.#kept.push(row);
    this.#keptIds.add(row.id);
  }

  /** True for a session whose row in the table is not what it was at the start. */
  hasKept(id: SessionId): boolean {
    return this.#keptIds.has(id);
  }

  /** Writes as many of the rows kept as fit. @returns the end */
  takeKept(chunk: Uint8Array): number {
    let end = 0;
    for (const row of this.#kept.splice(0, chunk.length / encodedRowBytes)) {
      encodeRow(chunk, end, row);
      end += encodedRowBytes;
    }
    return end;
  }
}

/** Rows in id order. */
class Page {
  readonly ids = new Float64Array(PAGE_ROWS);
  readonly timeouts = new Float64Array(PAGE_ROWS);
  readonly generations = new Float64Array(PAGE_ROWS);
  readonly #hashes = new Uint8Array(PAGE_ROWS * HASH_BYTES);
  count = 0;

  lastId(): SessionId {
    return this.ids[this.count - 1] ?? 0;
  }

  /** Row of `id`, or -1. */
  find(id: SessionId): number {
    const row = this.firstAfter(id) - 1;
    return row >= 0 && this.ids[row] === id ? row : -1;
  }

  /** First row whose id is greater. */
  firstAfter(id: SessionId): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ids[middle] ?? Infinity) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  rowAt(row: number): SessionRow {
    return {
      id: this.ids[row] ?? 0,
      timeoutMs: this.timeouts[row] ?? 0,
      generation: this.generations[row] ?? 0,
      secretHash: this.#hashes.slice(row * HASH_BYTES, (row + 1) * HASH_BYTES),
    };
  }

  insert({ id, timeoutMs, generation, secretHash }: SessionRow): void {
    assert(this.count < PAGE_ROWS, 'a page is full');
    const row = this.firstAfter(id);
    assert(row === 0 || this.ids[row - 1] !== id, `session ${String(id)} exists already`);
    this.#move(row, row + 1);
    this.ids[row] = id;
    this.timeouts[row] = timeoutMs;
    this.generations[row] = generation;
    this.#hashes.set(secretHash, row * HASH_BYTES);
    this.count += 1;
  }

  remove(row: number): void {
    this.#move(row + 1, row);
    this.count -= 1;
  }

  /** Moves the upper half into a new page. */
  split(): Page {
    const upper = new Page();
    const half = this.count >>> 1;
    upper.#copyFrom(this, half);
    this.count = half;
    return upper;
  }

  /** Takes over all rows of `right`, whose ids are all greater. */
  append(right: Page): void {
    assert(this.count + right.count <= PAGE_ROWS, 'two pages do not fit into one');
    this.#copyFrom(right, 0);
  }

  #copyFrom(source: Page, firstRow: number): void {
    this.ids.set(source.ids.subarray(firstRow, source.count), this.count);
    this.timeouts.set(source.timeouts.subarray(firstRow, source.count), this.count);
    this.generations.set(source.generations.subarray(firstRow, source.count), this.count);
    this.#hashes.set(
      source.#hashes.subarray(firstRow * HASH_BYTES, source.count * HASH_BYTES),
      this.count * HASH_BYTES,
    );
    this.count += source.count - firstRow;
  }

  #move(from: number, to: number): void {
    this.ids.copyWithin(to, from, this.count);
    this.timeouts.copyWithin(to, from, this.count);
    this.generations.copyWithin(to, from, this.count);
    this.#hashes.copyWithin(to * HASH_BYTES, from * HASH_BYTES, this.count * HASH_BYTES);
  }
}
