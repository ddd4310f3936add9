/** Names of nodes, kept as UTF-8 whose bytewise order is the order of listings. */
import type { ZnodePath } from '../protocol/model.ts';
import type { BytePool } from './byte-pool.ts';
import { hashChild, hashUnit, rootHash } from './hash.ts';
import { Field, noNode, type NodeId, type Rows } from './rows.ts';
import { decodeText, encodeText, isAscii } from './text.ts';

const SLASH = 0x2f;

/** The number of the root's row: the first one that a tree makes. */
export const rootNode: NodeId = 1;

export class Names {
  private readonly rows: Rows;
  private readonly pool: BytePool;
  private keyBytes: Uint8Array = new Uint8Array(0);
  private keyStart = 0;
  private keyLength = 0;

  constructor(rows: Rows, pool: BytePool) {
    this.rows = rows;
    this.pool = pool;
  }

  /** Stores a name given as a part of a path. @returns the handle and the length in bytes */
  store(name: string): {
    readonly handle: number;
    readonly bytes: number;
    readonly ascii: boolean;
  } {
    if (!isAscii(name)) {
      const encoded = encodeText(name);
      return { handle: this.pool.store(encoded), bytes: encoded.length, ascii: false };
    }
    const handle = this.pool.allocate(name.length);
    if (handle !== 0) {
      const bytes = this.pool.bytes(handle);
      const offset = this.pool.byteOffset(handle);
      for (let index = 0; index < name.length; index++) {
        bytes[offset + index] = name.charCodeAt(index);
      }
    }
    return { handle, bytes: name.length, ascii: true };
  }

  /** Empty for the root. */
  name(id: NodeId): string {
    const handle = this.rows.get(id, Field.NAME);
    if (handle === 0) return '';
    return decodeText(
      this.pool.bytes(handle),
      this.pool.byteOffset(handle),
      this.rows.nameBytes(id),
    );
  }

  path(id: NodeId): ZnodePath {
    if (id === rootNode) return '/' as ZnodePath;
    let path = '';
    for (let at = id; at !== rootNode; at = this.rows.get(at, Field.PARENT)) {
      path = `/${this.name(at)}${path}`;
    }
    return path as ZnodePath;
  }

  /** The path hash of the root. */
  hashRoot(): number {
    return rootHash;
  }

  /** The path hash of a node below a parent with the path hash `parent`. */
  hashBelow(parent: number, id: NodeId): number {
    if (!this.rows.hasAsciiName(id)) return hashChild(parent, this.name(id));
    const handle = this.rows.get(id, Field.NAME);
    const bytes = this.pool.bytes(handle);
    const start = this.pool.byteOffset(handle);
    const end = start + this.rows.nameBytes(id);
    let hash = hashUnit(parent, SLASH);
    for (let index = start; index < end; index++) hash = hashUnit(hash, bytes[index] ?? 0);
    return hash;
  }

  /** Bytewise order of two names. */
  compare(left: NodeId, right: NodeId): number {
    this.setKey(right);
    return this.compareKey(left);
  }

  /** Makes the node's name the one that `compareKey` compares with, until it is called again. */
  setKey(id: NodeId): void {
    const handle = this.rows.get(id, Field.NAME);
    this.keyBytes = this.pool.bytes(handle);
    this.keyStart = this.pool.byteOffset(handle);
    this.keyLength = this.rows.nameBytes(id);
  }

  /** Bytewise order of the node's name and the key: a search compares with one name many times. */
  compareKey(id: NodeId): number {
    const handle = this.rows.get(id, Field.NAME);
    const length = this.rows.nameBytes(id);
    const bytes = this.pool.bytes(handle);
    const start = this.pool.byteOffset(handle);
    const { keyBytes, keyStart, keyLength } = this;
    const common = length < keyLength ? length : keyLength;
    for (let index = 0; index < common; index++) {
      const difference = (bytes[start + index] ?? 0) - (keyBytes[keyStart + index] ?? 0);
      if (difference !== 0) return difference;
    }
    return length - keyLength;
  }

  /** Order of the node's name and a text; of code units, which is the same order. */
  compareText(id: NodeId, text: string): number {
    const name = this.name(id);
    if (name === text) return 0;
    return name < text ? -1 : 1;
  }

  /** True when the node's path is the first `length` code units of `path`. */
  isAt(id: NodeId, path: string, length: number): boolean {
    let at = id;
    let end = length;
    while (at !== rootNode && at !== noNode) {
      const start = this.startOfName(at, path, end);
      if (start <= 0 || path.charCodeAt(start - 1) !== SLASH) return false;
      end = start - 1;
      at = this.rows.get(at, Field.PARENT);
    }
    return end === 0;
  }

  /** Where the node's name starts in `path` if it ends at `end`; −1 when it does not stand there. */
  private startOfName(id: NodeId, path: string, end: number): number {
    if (!this.rows.hasAsciiName(id)) {
      const name = this.name(id);
      return path.startsWith(name, end - name.length) ? end - name.length : -1;
    }
    const length = this.rows.nameBytes(id);
    const start = end - length;
    if (start <= 0) return -1;
    const handle = this.rows.get(id, Field.NAME);
    const bytes = this.pool.bytes(handle);
    const offset = this.pool.byteOffset(handle);
    for (let index = length - 1; index >= 0; index--) {
      if (path.charCodeAt(start + index) !== bytes[offset + index]) return -1;
    }
    return start;
  }
}
