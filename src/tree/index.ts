/** The znode tree: what the replica uses of it. */
export { nodeOverheadBytes } from './store.ts';
export { Tree } from './tree.ts';
export type { TreeSnapshot } from './snapshot.ts';
export { decodeTransaction, encodeTransaction, formatProblem } from './codec.ts';
export { FormerAcls, type FormerAcl } from './former-acls.ts';
export { aclBytes } from './acl-table.ts';
export { Prep } from './prep.ts';
export { canRead, isSuper, permits } from './permissions.ts';
export { readAcl, readChildren, readExists, readGet, readMulti, type Reader } from './reads.ts';
export { readCount, readTree } from './read-subtree.ts';
export type {
  AclId,
  Change,
  CreateChange,
  DeleteChange,
  IdempotencyRecord,
  SetAclChange,
  SetChange,
  Transaction,
} from './transaction.ts';
