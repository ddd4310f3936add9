/**
 * What the comparison must know of the tree to tell a known difference from an unknown one: the ACL and
 * kind of every znode of the program, and who each session is. Kept from ZooKeeper's answers; decides
 * nothing by itself.
 */
import { Perms, type AclEntry, type NodeKind } from '../../src/protocol/model.ts';
import { digestId } from './identity.ts';
import type { Observation, ObservedEvent } from './observation.ts';
import { passwordOf, type CreateMember, type Member, type Slot, type Step } from './program.ts';

interface ShadowNode {
  readonly acl: readonly AclEntry[];
  readonly kind: NodeKind;
  /** Of an ephemeral. */
  readonly owner?: Slot;
}

type ChangeType = 'NodeCreated' | 'NodeDeleted' | 'NodeDataChanged' | 'NodeChildrenChanged';

const openNode: ShadowNode = {
  acl: [{ scheme: 'world', id: 'anyone', perms: Perms.ALL }],
  kind: 'persistent',
};

export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

export class Shadow {
  readonly #nodes = new Map<string, ShadowNode>([['@', openNode]]);
  readonly #users: [string[], string[]] = [[], []];
  /** Persistent watches of each session: path → recursive. */
  readonly #watches = [new Map<string, boolean>(), new Map<string, boolean>()] as const;
  /** What the persistent watches of a broken connection would have told, while it is broken. */
  readonly #missed = new Map<Slot, ObservedEvent[]>();

  kind(path: string): NodeKind | undefined {
    return this.#nodes.get(path)?.kind;
  }

  exists(path: string): boolean {
    return this.#nodes.has(path);
  }

  /** False only where the znode is one of the program's and its ACL withholds READ. */
  mayRead(slot: Slot, path: string): boolean {
    return this.#allows(slot, path, Perms.READ);
  }

  /** Ends the gap of a broken connection, and says what its persistent watches missed in it. */
  missed(slot: Slot): readonly ObservedEvent[] {
    const events = this.#missed.get(slot) ?? [];
    this.#missed.delete(slot);
    return events;
  }

  /** Takes in what ZooKeeper did. */
  apply(step: Step, observed: Observation): void {
    if (observed.code === 0) this.#take(step, observed);
  }

  #take(step: Step, observed: Observation): void {
    switch (step.type) {
      case 'create':
      case 'set':
      case 'delete':
        this.#member(step.slot, step, observed.path ?? step.path);
        break;
      case 'multi':
        step.members.forEach((member, index) => {
          this.#member(step.slot, member, observed.members?.[index]?.path ?? member.path);
        });
        break;
      case 'setAcl':
        this.#setAcl(step.slot, step.path, step.acl);
        break;
      default:
        this.#takeOfSession(step);
    }
  }

  #takeOfSession(step: Step): void {
    switch (step.type) {
      case 'auth':
        this.#users[step.slot].push(step.user);
        break;
      case 'watch':
        this.#watches[step.slot].set(step.path, step.mode === 'persistent-recursive');
        break;
      case 'unwatch':
        if (step.kind === 'any') this.#watches[step.slot].delete(step.path);
        break;
      case 'drop':
        this.#missed.set(step.slot, []);
        break;
      case 'close':
        this.#close(step.slot);
        break;
      default:
    }
  }

  #member(slot: Slot, member: Member, path: string): void {
    switch (member.type) {
      case 'create':
        this.#create(slot, member, path);
        break;
      case 'set':
        this.#fire('NodeDataChanged', path);
        break;
      case 'delete':
        this.#delete(path);
        break;
      case 'check':
        break;
    }
  }

  #create(slot: Slot, member: CreateMember, path: string): void {
    this.#nodes.set(path, {
      acl: this.#expand(slot, member.acl ?? openNode.acl),
      kind: member.kind,
      ...(member.kind === 'ephemeral' ? { owner: slot } : {}),
    });
    this.#fire('NodeCreated', path);
    this.#fire('NodeChildrenChanged', parentOf(path));
  }

  #delete(path: string): void {
    this.#fire('NodeDeleted', path);
    this.#nodes.delete(path);
    this.#fire('NodeChildrenChanged', parentOf(path));
  }

  #setAcl(slot: Slot, path: string, acl: readonly AclEntry[]): void {
    const node = this.#nodes.get(path);
    if (node !== undefined) this.#nodes.set(path, { ...node, acl: this.#expand(slot, acl) });
  }

  #close(slot: Slot): void {
    this.#users[slot] = [];
    this.#watches[slot].clear();
    const owned = [...this.#nodes].filter(([, node]) => node.owner === slot);
    for (const [path] of owned) this.#delete(path);
  }

  /** The scheme `auth` stands for every digest identity of the session (`fixupACL`). */
  #expand(slot: Slot, acl: readonly AclEntry[]): readonly AclEntry[] {
    return acl.flatMap((entry) =>
      entry.scheme === 'auth'
        ? this.#users[slot].map((user) => ({ ...digest(user), perms: entry.perms }))
        : [entry],
    );
  }

  #fire(type: ChangeType, path: string): void {
    for (const [slot, missed] of this.#missed) {
      if (this.mayRead(slot, path) && this.#isWatched(slot, type, path))
        missed.push({ type, path });
    }
  }

  #isWatched(slot: Slot, type: ChangeType, path: string): boolean {
    return [...this.#watches[slot]].some(([watched, recursive]) => {
      if (!recursive) return watched === path;
      const within = watched === path || path.startsWith(`${watched}/`);
      return within && type !== 'NodeChildrenChanged';
    });
  }

  #allows(slot: Slot, path: string, perms: number): boolean {
    const node = this.#nodes.get(path);
    if (node === undefined) return true;
    return node.acl.some((entry) => (entry.perms & perms) !== 0 && this.#matches(slot, entry));
  }

  #matches(slot: Slot, { scheme, id }: AclEntry): boolean {
    if (scheme === 'world') return true;
    if (scheme === 'ip') return id.startsWith('127.');
    return this.#users[slot].some((user) => digest(user).id === id);
  }
}

const digest = (user: string): { scheme: string; id: string } => ({
  scheme: 'digest',
  id: digestId(user, passwordOf(user)),
});
