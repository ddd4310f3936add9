/**
 * The digest of the tree: two sums, modulo 2^32 each, of a hash of every znode (path, data, stat, kind,
 * ACL id) and every interned ACL. A change subtracts the old hash and adds the new one. It tells replicas
 * that have drifted apart; it is no defence against somebody who looks for collisions.
 */
import type { Acl } from '../protocol/model.ts';
import { hashText, mix, rootHash } from './hash.ts';
import { replicatedWords, type NodeId, type Rows } from './rows.ts';

/** Two unsigned 32-bit integers. */
export interface TreeDigest {
  readonly high: number;
  readonly low: number;
}

export class DigestSum {
  private readonly rows: Rows;
  private highSum = 0;
  private lowSum = 0;

  constructor(rows: Rows) {
    this.rows = rows;
  }

  value(): TreeDigest {
    return { high: this.highSum >>> 0, low: this.lowSum >>> 0 };
  }

  add(id: NodeId): void {
    this.account(id, 1);
  }

  subtract(id: NodeId): void {
    this.account(id, -1);
  }

  addAcl(id: number, key: string): void {
    this.accountAcl(id, key, 1);
  }

  subtractAcl(id: number, key: string): void {
    this.accountAcl(id, key, -1);
  }

  private accountAcl(id: number, key: string, sign: 1 | -1): void {
    const hash = hashText(rootHash, key, { start: 0, end: key.length });
    this.highSum = (this.highSum + sign * mix(hash ^ mix(id + 1))) | 0;
    this.lowSum = (this.lowSum + sign * mix(hash + Math.imul(id + 1, 0x9e3779b1))) | 0;
  }

  private account(id: NodeId, sign: 1 | -1): void {
    const words = this.rows.page(id);
    const start = this.rows.wordOffset(id);
    let high = 0x243f6a88;
    let low = 0x13198a2e;
    for (let index = start; index < start + replicatedWords; index++) {
      const word = words[index] ?? 0;
      high = Math.imul(high ^ word, 0x9e3779b1);
      high = (high << 13) | (high >>> 19);
      low = Math.imul(low ^ word, 0x85ebca6b);
      low = (low << 17) | (low >>> 15);
    }
    this.highSum = (this.highSum + sign * mix(high)) | 0;
    this.lowSum = (this.lowSum + sign * mix(low)) | 0;
  }
}

/** A text that two ACLs share exactly when they are equal. */
export function aclKey(acl: Acl): string {
  return JSON.stringify(acl.map(({ scheme, id, perms }) => [scheme, id, perms]));
}
