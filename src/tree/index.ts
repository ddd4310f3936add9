/** The znode tree: what the replica uses of it. */
export { nodeOverheadBytes } from './store.ts';
export { Tree, seenCversion, type Reapable, type ReapOptions } from './tree.ts';
export type { TreeDigest } from './digest.ts';
export type { TreeSnapshot } from './snapshot.ts';
export { decodeTransaction, encodeTransaction } from './codec.ts';
export {
  Prep,
  type JudgeRequest,
  type Judgement,
  type PrepOptions,
  type SessionView,
} from './prep.ts';
export { canRead, isSuper, permits, type Who } from './permissions.ts';
export { readAcl, readChildren, readExists, readGet, readMulti, type Reader } from './reads.ts';
export { readCount, readTree } from './read-subtree.ts';
export type {
  AclId,
  Change,
  CloseSessionChange,
  CreateChange,
  CreateSessionChange,
  DefineAcl,
  DeleteChange,
  IdempotencyRecord,
  SetAclChange,
  SetChange,
  Transaction,
} from './transaction.ts';
