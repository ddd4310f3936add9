/**
 * The transaction at hand while it is judged: what it sees, what it changes, what that costs. Thrown away
 * when anything is refused, so that a refusal leaves no trace: no sequence number, no ACL, nothing.
 */
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Limits } from '../protocol/limits.ts';
import {
  Perms,
  type Acl,
  type Identity,
  type SessionId,
  type ZnodePath,
  type Zxid,
} from '../protocol/model.ts';
import { aclBytes, openAcl, readOnlyAcl, type NumberedAcl } from './acl-table.ts';
import { fixAcl } from './acl-rules.ts';
import { aclKey } from './digest.ts';
import type { Effects, Outstanding, Znode } from './outstanding.ts';
import { canRead, isSuper, permits, type Who } from './permissions.ts';
import { nodeOverheadBytes } from './store.ts';
import { textBytes } from './text.ts';
import type { AclId, Change } from './transaction.ts';

export interface DraftOptions extends Who {
  readonly outstanding: Outstanding;
  readonly limits: Limits;
  readonly session: SessionId;
  readonly zxid: Zxid;
  readonly time: number;
}

export class Draft implements Effects {
  readonly limits: Limits;
  readonly session: SessionId;
  readonly zxid: Zxid;
  readonly time: number;
  readonly changes: Change[] = [];
  readonly nodes = new Map<string, Znode>();
  newAcls: Map<string, NumberedAcl> | undefined;
  readonly aclUses = new Map<AclId, number>();
  aclsAdded = 0;
  sessionOpened: SessionId = 0;
  sessionClosed: SessionId = 0;
  nodesAdded = 0;
  bytesAdded = 0;
  private readonly outstanding: Outstanding;
  private readonly who: Who;
  private readonly newAclsById = new Map<AclId, Acl>();
  private ephemeralsAdded = 0;
  private paths = 0;
  private bytes = 0;

  constructor(options: DraftOptions) {
    this.outstanding = options.outstanding;
    this.limits = options.limits;
    this.who = options;
    this.session = options.session;
    this.zxid = options.zxid;
    this.time = options.time;
  }

  get identities(): readonly Identity[] {
    return this.who.identities;
  }

  /** The znode as this draft has it so far; undefined where there is none. */
  find(path: ZnodePath): Znode | undefined {
    const node = this.state(path);
    return node?.exists === true ? node : undefined;
  }

  /** Like `find`, but also tells of a path that an outstanding transaction has emptied. */
  state(path: ZnodePath): Znode | undefined {
    const known = this.nodes.get(path);
    if (known !== undefined) return known;
    const loaded = this.outstanding.load(path);
    if (loaded !== undefined) this.nodes.set(path, loaded);
    return loaded;
  }

  /** The paths below `top` that an outstanding transaction or this draft has touched. */
  statesBelow(isBelow: (path: ZnodePath) => boolean): Set<ZnodePath> {
    const paths = new Set<ZnodePath>();
    for (const { path } of this.outstanding.states()) if (isBelow(path)) paths.add(path);
    for (const { path } of this.nodes.values()) if (isBelow(path)) paths.add(path);
    return paths;
  }

  get tree(): Outstanding['tree'] {
    return this.outstanding.tree;
  }

  /** @throws CoordinationError NOAUTH unless the znode's ACL gives any of `perms` */
  authorize(node: Znode, perms: number): void {
    if (node.acl === openAcl || permits(this.acl(node.acl), perms, this.who)) return;
    const { path } = node;
    throw new CoordinationError('NOAUTH', `the ACL of ${path} does not give ${letters(perms)}`, {
      path,
    });
  }

  mayRead(node: Znode): boolean {
    return canRead(this, node.acl, this.who);
  }

  /**
   * Counts one more ephemeral of the session: they all end in one transaction, which is bounded.
   * @throws CoordinationError QUOTAEXCEEDED
   */
  growEphemerals(): void {
    const { sessionEphemeralsMax } = this.limits;
    this.ephemeralsAdded += 1;
    if (
      !this.outstanding.hasEphemerals(this.session, sessionEphemeralsMax - this.ephemeralsAdded)
    ) {
      return;
    }
    throw new CoordinationError(
      'QUOTAEXCEEDED',
      `the ephemeral znodes of session ${this.session} reach ${limitText(this.limits, 'sessionEphemeralsMax')}`,
    );
  }

  get callerIsSuper(): boolean {
    return isSuper(this.who);
  }

  acl(id: AclId): Acl {
    return this.newAclsById.get(id) ?? this.outstanding.acl(id);
  }

  /** The ACL as it will be stored. @throws CoordinationError INVALIDACL */
  fixAcl(acl: Acl): Acl {
    return fixAcl(acl, { identities: this.identities, limits: this.limits });
  }

  /**
   * The number of an ACL, new if need be.
   * @throws CoordinationError QUOTAEXCEEDED when there are too many distinct ones
   */
  intern(acl: Acl): AclId {
    const key = aclKey(acl);
    const known = this.outstanding.findAcl(key) ?? this.newAcls?.get(key)?.id;
    if (known !== undefined) return known;
    if (this.outstanding.aclCount + this.newAclsById.size >= this.limits.aclsMax) {
      throw new CoordinationError(
        'QUOTAEXCEEDED',
        `distinct ACLs reach ${limitText(this.limits, 'aclsMax')}`,
      );
    }
    const id = this.outstanding.freeAclId((taken) => this.newAclsById.has(taken));
    this.grow(0, aclBytes(acl));
    this.newAcls ??= new Map();
    this.newAcls.set(key, { id, acl });
    this.newAclsById.set(id, acl);
    // Also what no znode keeps is counted, as it is forgotten when the transaction is over.
    this.countAcl(id, 0);
    this.changes.push({ type: 'defineAcl', id, acl });
    for (const entry of acl) this.bytes += entry.scheme.length + entry.id.length + 1;
    return id;
  }

  /** So many znodes more have the ACL. */
  countAcl(id: AclId, change: number): void {
    if (id > readOnlyAcl) this.aclUses.set(id, (this.aclUses.get(id) ?? 0) + change);
  }

  /** Adds a change of a path, with the bytes it carries beside the path. */
  emit(change: Change & { readonly path: ZnodePath }, dataBytes: number): void {
    this.changes.push(change);
    this.paths += 1;
    this.bytes += textBytes(change.path) + dataBytes;
  }

  /** Counts growth (or shrinkage) of the tree. @throws CoordinationError QUOTAEXCEEDED */
  grow(nodes: number, bytes: number): void {
    this.nodesAdded += nodes;
    this.bytesAdded += bytes;
    if (nodes > 0) this.checkNodes();
    if (bytes > 0) this.checkBytes();
  }

  /**
   * Only what ends a session may exceed the limits of one transaction.
   * @throws CoordinationError TOOLARGE
   */
  checkSize(): void {
    const { transactionPathsMax, transactionBytesMax } = this.limits;
    if (this.paths > transactionPathsMax) {
      throw tooLarge('the paths', limitText(this.limits, 'transactionPathsMax'));
    }
    if (this.bytes > transactionBytesMax) {
      const allowed = limitText(this.limits, 'transactionBytesMax');
      throw tooLarge('the bytes of paths and data', allowed);
    }
  }

  /** Makes it visible to the requests behind it. */
  commit(): void {
    this.settleAcls();
    this.outstanding.add(this.zxid, this);
  }

  /** ACLs that no znode has when the transaction is over give their room back. */
  private settleAcls(): void {
    this.aclsAdded += this.newAclsById.size;
    for (const [id, change] of this.aclUses) {
      if (this.outstanding.aclUsers(id) + change > 0) continue;
      this.aclsAdded -= 1;
      this.bytesAdded -= aclBytes(this.acl(id));
    }
  }

  private checkNodes(): void {
    const { treeNodesMax } = this.limits;
    if (this.outstanding.nodeCount + this.nodesAdded <= treeNodesMax) return;
    throw new CoordinationError(
      'QUOTAEXCEEDED',
      `the znodes of the tree would exceed ${limitText(this.limits, 'treeNodesMax')}`,
    );
  }

  private checkBytes(): void {
    const { treeBytesMax } = this.limits;
    if (this.outstanding.byteCount + this.bytesAdded <= treeBytesMax) return;
    throw new CoordinationError(
      'QUOTAEXCEEDED',
      `the bytes of the tree would exceed ${limitText(this.limits, 'treeBytesMax')}`,
    );
  }
}

/** What a znode counts for in the tree's bytes. */
export function nodeBytes(name: string, dataLength: number): number {
  return nodeOverheadBytes + textBytes(name) + dataLength;
}

function tooLarge(what: string, allowed: string): CoordinationError {
  return new CoordinationError('TOOLARGE', `${what} of the transaction exceed ${allowed}`);
}

const permissionNames = [
  [Perms.CREATE, 'CREATE'],
  [Perms.DELETE, 'DELETE'],
  [Perms.READ, 'READ'],
  [Perms.WRITE, 'WRITE'],
  [Perms.ADMIN, 'ADMIN'],
] as const;

/** The names of the permissions in a mask, as an error says them. */
export function letters(perms: number): string {
  return permissionNames
    .filter(([bit]) => (perms & bit) !== 0)
    .map(([, name]) => name)
    .join(' or ');
}
