/** Which ephemeral znodes each session owns. Most sessions own one, which costs no set. */
import { assert } from '../protocol/assert.ts';
import type { SessionId } from '../protocol/model.ts';
import type { NodeId } from './rows.ts';

export class Ephemerals {
  private readonly owned = new Map<SessionId, NodeId | Set<NodeId>>();

  add(session: SessionId, id: NodeId): void {
    const nodes = this.owned.get(session);
    if (nodes === undefined) this.owned.set(session, id);
    else if (typeof nodes === 'number') this.owned.set(session, new Set([nodes, id]));
    else nodes.add(id);
  }

  remove(session: SessionId, id: NodeId): void {
    const nodes = this.owned.get(session);
    if (typeof nodes === 'object') {
      nodes.delete(id);
      if (nodes.size === 0) this.owned.delete(session);
    } else {
      assert(nodes === id, 'ephemerals: not owned by this session');
      this.owned.delete(session);
    }
  }

  count(session: SessionId): number {
    const nodes = this.owned.get(session);
    if (nodes === undefined) return 0;
    return typeof nodes === 'number' ? 1 : nodes.size;
  }

  /** In no particular order. */
  of(session: SessionId): readonly NodeId[] {
    const nodes = this.owned.get(session);
    if (nodes === undefined) return [];
    return typeof nodes === 'number' ? [nodes] : [...nodes];
  }
}
