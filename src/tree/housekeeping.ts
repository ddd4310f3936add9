/**
 * Which containers and TTL znodes may be removed (`ContainerManager`): always the childless ones among
 * them, kept apart so that a scan costs as much as it finds.
 */
import { Deadlines } from './deadlines.ts';
import { Field, KindNumber, Wide, type NodeId, type Rows } from './rows.ts';

export class Housekeeping {
  private readonly rows: Rows;
  /** Childless TTL znodes by the end of their life. */
  private readonly expiring = new Deadlines();
  /** Containers that never had a child, by mtime. */
  private readonly neverUsed = new Deadlines();
  /** Containers that had a child and have none. */
  private readonly emptied = new Set<NodeId>();

  constructor(rows: Rows) {
    this.rows = rows;
  }

  /** To be called before any change of a node that is in the tree. */
  leave(id: NodeId): void {
    const kind = this.rows.kindNumber(id);
    if (kind < KindNumber.container || this.hasChildren(id)) return;
    if (kind === KindNumber.ttl) this.expiring.remove(id, this.endOfLife(id));
    else if (this.wasUsed(id)) this.emptied.delete(id);
    else this.neverUsed.remove(id, this.rows.wide(id, Wide.MTIME));
  }

  /** To be called after a change, unless the node is gone. */
  enter(id: NodeId): void {
    const kind = this.rows.kindNumber(id);
    if (kind < KindNumber.container || this.hasChildren(id)) return;
    if (kind === KindNumber.ttl) this.expiring.add(id, this.endOfLife(id));
    else if (this.wasUsed(id)) this.emptied.add(id);
    else this.neverUsed.add(id, this.rows.wide(id, Wide.MTIME));
  }

  /** At most `limit` nodes that may be removed at `nowMs`. */
  reapable(nowMs: number, containerNeverUsedMs: number, limit: number): readonly NodeId[] {
    const found: NodeId[] = [];
    const take = (id: NodeId): void => {
      found.push(id);
    };
    for (const id of this.emptied) {
      if (found.length >= limit) return found;
      take(id);
    }
    this.expiring.due(nowMs, (id) => {
      if (found.length < limit && this.endOfLife(id) < nowMs) take(id);
      return found.length < limit;
    });
    const bornBefore = nowMs - containerNeverUsedMs;
    this.neverUsed.due(bornBefore, (id) => {
      if (found.length < limit && this.rows.wide(id, Wide.MTIME) < bornBefore) take(id);
      return found.length < limit;
    });
    return found;
  }

  private hasChildren(id: NodeId): boolean {
    return this.rows.get(id, Field.NUM_CHILDREN) > 0;
  }

  private wasUsed(id: NodeId): boolean {
    return this.rows.wide(id, Wide.CVERSION) > 0;
  }

  private endOfLife(id: NodeId): number {
    return this.rows.wide(id, Wide.MTIME) + this.rows.wide(id, Wide.OWNER_OR_TTL);
  }
}
