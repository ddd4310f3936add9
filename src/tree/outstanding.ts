/**
 * What the next request is judged against: the tree, over it the transactions that are judged but not
 * yet applied (`PrepRequestProcessor.outstandingChanges`), over those the draft of the one at hand.
 */
import { assert } from '../protocol/assert.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Acl, NodeKind, SessionId, Stat, ZnodePath, Zxid } from '../protocol/model.ts';
import { readOnlyAcl, type NumberedAcl } from './acl-table.ts';
import { seenCversion, type Tree } from './tree.ts';
import type { AclId } from './transaction.ts';

/** A path as a transaction leaves it; `exists` false where it deleted the znode. */
export interface Znode {
  readonly path: ZnodePath;
  exists: boolean;
  /** Changed by the draft that it belongs to. */
  changed: boolean;
  czxid: Zxid;
  mzxid: Zxid;
  pzxid: Zxid;
  ctime: number;
  mtime: number;
  version: number;
  /** The raw one. */
  cversion: number;
  aversion: number;
  acl: AclId;
  numChildren: number;
  kind: NodeKind;
  ephemeralOwner: SessionId;
  ttlMs: number;
  dataLength: number;
}

export function statOf(node: Znode): Stat {
  const stat = {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctime: node.ctime,
    mtime: node.mtime,
    version: node.version,
    cversion: seenCversion(node.cversion, node.numChildren),
    aversion: node.aversion,
    ephemeralOwner: node.ephemeralOwner,
    dataLength: node.dataLength,
    numChildren: node.numChildren,
    kind: node.kind,
  };
  return node.kind === 'ttl' ? { ...stat, ttlMs: node.ttlMs } : stat;
}

/** What one judged transaction changes beside znodes, and what it adds to the totals. */
export interface Effects {
  readonly nodes: ReadonlyMap<string, Znode>;
  /** Present where there are any. */
  readonly newAcls: ReadonlyMap<string, NumberedAcl> | undefined;
  /** How many znodes more, or less, have an ACL; the two that are always there are not counted. */
  readonly aclUses: ReadonlyMap<AclId, number>;
  /** Distinct ACLs that there are more, or less. */
  readonly aclsAdded: number;
  readonly nodesAdded: number;
  readonly bytesAdded: number;
  /** 0 for none. */
  readonly sessionOpened: SessionId;
  readonly sessionClosed: SessionId;
}

interface Judged {
  readonly zxid: Zxid;
  readonly changed: readonly Znode[];
  readonly effects: Effects;
}

/** Numbers of ACLs that may be free below the greatest, beside as many as are taken. */
const SPARE_ACL_IDS = 16;

export class Outstanding {
  readonly tree: Tree;
  private readonly nodes = new Map<string, Znode>();
  /** The newest outstanding definition of each. */
  private readonly acls = new Map<string, AclId>();
  /** All outstanding definitions. Invariant: none has a number that the tree has given. */
  private readonly aclsById = new Map<AclId, Acl>();
  /** Sums of the `aclUses` of all that is outstanding. */
  private readonly aclUses = new Map<AclId, number>();
  private aclsAdded = 0;
  /** Where the search for a free number goes on. */
  private nextAclId = readOnlyAcl + 1;
  /** Paths whose newest outstanding state is an ephemeral of the session. */
  private readonly ephemerals = new Map<SessionId, Set<ZnodePath>>();
  private readonly opened = new Set<SessionId>();
  private readonly closing = new Set<SessionId>();
  private readonly queue = new Fifo<Judged>();
  /** Zxid of the youngest in the queue, 0 before the first. */
  private lastZxid: Zxid = 0;
  private nodesAdded = 0;
  private bytesAdded = 0;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  /** Znodes of the tree when all is applied. */
  get nodeCount(): number {
    return this.tree.nodeCount + this.nodesAdded;
  }

  /** Bytes of the tree when all is applied. */
  get byteCount(): number {
    return this.tree.byteCount + this.bytesAdded;
  }

  get aclCount(): number {
    return this.tree.aclCount + this.aclsAdded;
  }

  /** Znodes that have the ACL when all is applied. */
  aclUsers(id: AclId): number {
    return this.tree.aclUsers(id) + (this.aclUses.get(id) ?? 0);
  }

  /**
   * A number that means no ACL in the tree, in anything outstanding, or for the caller. Those that become free
   * when something is applied are not free yet: up to there they have a meaning. Numbers are kept low, and the
   * search costs little on average, since it begins anew only when half of what lies below is free.
   */
  freeAclId(isTaken: (id: AclId) => boolean): AclId {
    if (this.nextAclId > 2 * (this.tree.aclCount + this.aclsById.size) + SPARE_ACL_IDS) {
      this.nextAclId = readOnlyAcl + 1;
    }
    for (;;) {
      const id = this.nextAclId;
      this.nextAclId += 1;
      if (!this.tree.hasAcl(id) && !this.aclsById.has(id) && !isTaken(id)) return id;
    }
  }

  /** Sessions opened and not applied yet, less those of the table that are about to close. */
  get sessionsAdded(): number {
    return this.opened.size - this.closing.size;
  }

  isOpened(session: SessionId): boolean {
    return this.opened.has(session);
  }

  isClosing(session: SessionId): boolean {
    return this.closing.has(session);
  }

  /** The state of a path as the last judged transaction leaves it: a copy, for a draft. */
  load(path: ZnodePath): Znode | undefined {
    const known = this.nodes.get(path);
    if (known !== undefined) return { ...known, changed: false };
    const id = this.tree.find(path);
    return id === -1 ? undefined : this.fromTree(path, id);
  }

  /** By its `aclKey`; undefined also when no znode has it any more. */
  findAcl(key: string): AclId | undefined {
    const id = this.acls.get(key) ?? this.tree.findAcl(key);
    if (id === undefined || id <= readOnlyAcl) return id;
    return this.aclUsers(id) > 0 ? id : undefined;
  }

  acl(id: AclId): Acl {
    return this.aclsById.get(id) ?? this.tree.acl(id);
  }

  /** All outstanding states, for those who must look below a path. */
  states(): Iterable<Znode> {
    return this.nodes.values();
  }

  /** Paths that may be ephemerals of the session when all is applied. */
  ephemeralCandidates(session: SessionId): Set<ZnodePath> {
    const paths = new Set(this.tree.ephemeralsOf(session));
    for (const path of this.ephemerals.get(session) ?? []) paths.add(path);
    return paths;
  }

  /** True when the session may have more than `count` ephemerals when all is applied; lists none of the tree. */
  hasEphemerals(session: SessionId, count: number): boolean {
    const outstanding = this.ephemerals.get(session);
    let total = this.tree.ephemeralCount(session) + (outstanding?.size ?? 0);
    for (const path of outstanding ?? []) {
      if (total <= count) return false;
      const id = this.tree.find(path);
      if (id !== -1 && this.tree.stat(id).ephemeralOwner === session) total -= 1;
    }
    return total > count;
  }

  /** Remembers what a transaction does, until it is applied. */
  add(zxid: Zxid, effects: Effects): void {
    assert(this.lastZxid < zxid, 'prep: zxids grow');
    this.lastZxid = zxid;
    const changed: Znode[] = [];
    for (const node of effects.nodes.values()) {
      if (!node.changed) continue;
      changed.push(node);
      this.replace(node);
    }
    if (effects.newAcls !== undefined) {
      for (const [key, { id, acl }] of effects.newAcls) {
        this.acls.set(key, id);
        this.aclsById.set(id, acl);
      }
    }
    this.countAcls(effects, 1);
    if (effects.sessionOpened !== 0) this.opened.add(effects.sessionOpened);
    if (effects.sessionClosed !== 0) this.closing.add(effects.sessionClosed);
    this.nodesAdded += effects.nodesAdded;
    this.bytesAdded += effects.bytesAdded;
    this.queue.push({ zxid, changed, effects });
  }

  /** Forgets what the tree and the session table now say themselves. */
  applied(zxid: Zxid): void {
    for (;;) {
      const first = this.queue.peek();
      if (first === undefined || first.zxid > zxid) break;
      this.queue.shift();
      this.forget(first);
    }
  }

  private replace(node: Znode): void {
    const before = this.nodes.get(node.path);
    if (before !== undefined && before.ephemeralOwner !== node.ephemeralOwner) {
      this.removeEphemeral(before);
    }
    this.nodes.set(node.path, node);
    if (node.ephemeralOwner === 0) return;
    const paths = this.ephemerals.get(node.ephemeralOwner);
    if (paths === undefined) this.ephemerals.set(node.ephemeralOwner, new Set([node.path]));
    else paths.add(node.path);
  }

  private forget({ changed, effects }: Judged): void {
    for (const node of changed) {
      // A later transaction that touched the path has put a state of its own there.
      if (this.nodes.get(node.path) !== node) continue;
      this.nodes.delete(node.path);
      this.removeEphemeral(node);
    }
    if (effects.newAcls !== undefined) {
      for (const [key, { id }] of effects.newAcls) {
        // It may have been forgotten and defined again.
        if (this.acls.get(key) === id) this.acls.delete(key);
        this.aclsById.delete(id);
      }
    }
    this.countAcls(effects, -1);
    if (effects.sessionOpened !== 0) this.opened.delete(effects.sessionOpened);
    if (effects.sessionClosed !== 0) this.closing.delete(effects.sessionClosed);
    this.nodesAdded -= effects.nodesAdded;
    this.bytesAdded -= effects.bytesAdded;
  }

  private countAcls({ aclUses, aclsAdded }: Effects, sign: 1 | -1): void {
    this.aclsAdded += sign * aclsAdded;
    for (const [id, change] of aclUses) {
      const sum = (this.aclUses.get(id) ?? 0) + sign * change;
      if (sum === 0) this.aclUses.delete(id);
      else this.aclUses.set(id, sum);
    }
  }

  private removeEphemeral(node: Znode): void {
    if (node.ephemeralOwner === 0) return;
    const paths = this.ephemerals.get(node.ephemeralOwner);
    paths?.delete(node.path);
    if (paths?.size === 0) this.ephemerals.delete(node.ephemeralOwner);
  }

  private fromTree(path: ZnodePath, id: number): Znode {
    const stat = this.tree.stat(id);
    return {
      path,
      exists: true,
      changed: false,
      czxid: stat.czxid,
      mzxid: stat.mzxid,
      pzxid: stat.pzxid,
      ctime: stat.ctime,
      mtime: stat.mtime,
      version: stat.version,
      cversion: this.tree.rawCversion(id),
      aversion: stat.aversion,
      acl: this.tree.aclOf(id),
      numChildren: stat.numChildren,
      kind: stat.kind,
      ephemeralOwner: stat.ephemeralOwner,
      ttlMs: stat.ttlMs ?? 0,
      dataLength: stat.dataLength,
    };
  }
}
