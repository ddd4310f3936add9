/**
 * The ledger: every committed transaction, entered when the first node applies it, with the state after it. What
 * a transaction says must be what ZooKeeper's arithmetic makes of the state before (I-20 to I-25).
 */
import type { Acl } from '../../../src/protocol/model.ts';
import { decodeTransaction } from '../../../src/tree/index.ts';
import type { Change, DeleteChange, SetChange, Transaction } from '../../../src/tree/index.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import { violated } from '../world/world.ts';
import { AclLedger } from './acl-ledger.ts';
import { Draft, History, split, statOf } from './history.ts';
import { same } from './same.ts';

export interface Committed {
  readonly zxid: number;
  readonly epoch: number;
  readonly chain: number;
  /** Undefined for an epoch record. */
  readonly transaction: Transaction | undefined;
  /** Of the whole replicated state after it; empty until a node has said it. */
  digest: string;
}

interface Attachment {
  readonly zxid: number;
  readonly timeoutMs: number;
}

export class Commits {
  readonly history = new History();
  readonly #records: Committed[] = [];
  /** By session: the transactions that have attached a stream to it, in their order. */
  readonly #attachments = new Map<number, Attachment[]>();
  readonly #acls = new AclLedger();
  /** Told of each as it is entered. */
  onCommit: (committed: Committed) => void = () => undefined;

  /** The zxid of the last one. */
  get last(): number {
    return this.#records.length;
  }

  /** The transaction that had attached the newest stream of a session at a zxid; 0 when there was none. */
  generationAt(session: number, zxid: number): number {
    return this.#attachmentAt(session, zxid)?.zxid ?? 0;
  }

  /** As negotiated for the newest stream of a session at a zxid, milliseconds. */
  timeoutAt(session: number, zxid: number): number | undefined {
    return this.#attachmentAt(session, zxid)?.timeoutMs;
  }

  /** What the number of an ACL means in the transaction at `zxid`. */
  aclAt(id: number, zxid: number): Acl {
    return this.#acls.at(id, zxid);
  }

  at(zxid: number): Committed | undefined {
    return this.#records[zxid - 1];
  }

  /** A node has applied a record: it is the next one, or the one that stands here. */
  applied({ zxid, epoch, chain, kind, payload }: LogRecord): void {
    const known = this.at(zxid);
    if (known !== undefined) {
      if (known.chain === chain && known.epoch === epoch) return;
      violated(
        `I-2: record ${zxid} of epoch ${epoch} is applied, committed was one of ${known.epoch}`,
      );
    }
    if (zxid !== this.last + 1) violated(`I-2: record ${zxid} is applied after ${this.last}`);
    const before = this.at(zxid - 1);
    if (epoch < (before?.epoch ?? 0))
      violated(`I-4: epoch ${epoch} is applied after a greater one`);
    const transaction = kind === 'epoch' ? undefined : decodeTransaction(payload.slice());
    const committed: Committed = { zxid, epoch, chain, transaction, digest: '' };
    if (transaction !== undefined) this.#enact(zxid, transaction);
    this.#records.push(committed);
    this.onCommit(committed);
  }

  /** All nodes must say the same of the state at a zxid. */
  digestSeen(zxid: number, digest: string): void {
    const committed = this.at(zxid);
    if (committed === undefined) return;
    if (committed.digest === '') committed.digest = digest;
    same(digest, committed.digest, () => `I-13: the digest at ${zxid}`);
  }

  #attachmentAt(session: number, zxid: number): Attachment | undefined {
    return this.#attachments.get(session)?.findLast((each) => each.zxid <= zxid);
  }

  #enact(zxid: number, { time, session, changes }: Transaction): void {
    const { history } = this;
    const draft = new Draft(history, { base: zxid - 1, zxid, time });
    if (session !== 0 && !draft.isLive(session)) {
      violated(`I-21: transaction ${zxid} is of session ${session}, which is not open`);
    }
    const [first] = changes;
    if (first?.type === 'closeSession') this.#checkClose(zxid, first.session, changes.slice(1));
    for (const change of changes) this.#change(draft, change, zxid);
    for (const [path, node] of draft.changed) {
      this.#acls.changed(history.at(path, zxid - 1)?.acl, node?.acl);
      history.write(zxid, path, node);
    }
    this.#acls.end(zxid);
  }

  #delete(draft: Draft, { path, acl, parentAcl }: DeleteChange, zxid: number): void {
    if (draft.children(path).length > 0) {
      violated(`I-25: ${path} is deleted at ${zxid} and has children`);
    }
    this.#checkAcl(draft, { zxid, path, acl });
    this.#checkAcl(draft, { zxid, path: split(path).parent, acl: parentAcl });
    draft.remove(path);
  }

  #change(draft: Draft, change: Change, zxid: number): void {
    switch (change.type) {
      case 'create':
        this.#checkCreate(draft, change);
        this.#checkAcl(draft, { zxid, path: split(change.path).parent, acl: change.parentAcl });
        draft.create(change.path, {
          ...change,
          owner: change.ephemeralOwner,
          acl: this.aclAt(change.acl, zxid),
        });
        same(
          change.parentCversion,
          draft.get(split(change.path).parent)?.created,
          () => `I-24: the counter of the parent of ${change.path} at ${zxid}`,
        );
        break;
      case 'set':
        draft.set(change.path, change.data);
        this.#checkAcl(draft, { zxid, ...change });
        checkSet(draft, change, zxid);
        break;
      case 'delete':
        this.#delete(draft, change, zxid);
        break;
      case 'defineAcl':
        this.#acls.define(zxid, change.id, change.acl);
        break;
      case 'setAcl':
        draft.setAcl(change.path, this.aclAt(change.acl, zxid));
        same(
          change.aversion,
          draft.get(change.path)?.aversion,
          () => `I-25: the aversion of ${change.path} at ${zxid}`,
        );
        break;
      case 'createSession':
        this.history.openSession(zxid);
        this.#attachments.set(zxid, [{ zxid, timeoutMs: change.timeoutMs }]);
        break;
      case 'attachSession':
        if (!draft.isLive(change.session)) {
          violated(`I-21: session ${change.session} is taken over at ${zxid} and is not open`);
        }
        this.#attachments.get(change.session)?.push({ zxid, timeoutMs: change.timeoutMs });
        break;
      case 'closeSession':
        if (!draft.isLive(change.session)) {
          violated(`I-22: session ${change.session} is closed at ${zxid} and is not open`);
        }
        this.history.closeSession(change.session, zxid);
        break;
    }
  }

  /** Events are judged by what the record says of ACLs. */
  #checkAcl(draft: Draft, said: { zxid: number; path: string; acl: number }): void {
    const { zxid, path } = said;
    const meant = this.aclAt(said.acl, zxid);
    const acl = draft.get(path)?.acl;
    if (acl !== meant) same(meant, acl, () => `I-25: the ACL of ${path} at ${zxid}`);
  }

  #checkCreate(draft: Draft, change: Change & { type: 'create' }): void {
    const { path, ephemeralOwner } = change;
    if (draft.get(path) !== undefined) violated(`I-25: ${path} is created and is there`);
    if (draft.get(split(path).parent)?.kind === 'ephemeral') {
      violated(`I-25: ${path} is created below an ephemeral`);
    }
    if (ephemeralOwner !== 0 && !draft.isLive(ephemeralOwner)) {
      violated(`I-20: ${path} is of session ${ephemeralOwner}, which is not open`);
    }
  }

  #checkClose(zxid: number, session: number, rest: readonly Change[]): void {
    const deleted = rest.map((change) => (change.type === 'delete' ? change.path : change.type));
    same(
      deleted.sort(),
      this.history.ephemeralsAt(session, zxid - 1),
      () => `I-20: what session ${session} leaves behind at ${zxid}`,
    );
  }
}

function checkSet(draft: Draft, change: SetChange, zxid: number): void {
  const node = draft.get(change.path) ?? violated(`${change.path} is not there`);
  const { czxid, ctime, pzxid, cversion, aversion, numChildren, kind, version } = change;
  const stat = statOf(node);
  const said = { ...stat, czxid, ctime, pzxid, cversion, aversion, numChildren, kind, version };
  same(said, stat, () => `I-25: the stat of ${change.path} at ${zxid}`);
}
