/**
 * What is run on both systems: a list of steps of two sessions over a handful of paths. A step is plain
 * data, so a program can be printed, shrunk and run again.
 *
 * Paths that begin with "@" lie below the program's own base znode; others are taken as they stand.
 */
import { Perms, type AclEntry, type NodeKind } from '../../src/protocol/model.ts';
import { digestId } from './identity.ts';
import { Random } from './random.ts';

/** Which of the program's sessions acts. */
export type Slot = 0 | 1;
export const slots: readonly Slot[] = [0, 1];

export interface CreateMember {
  readonly type: 'create';
  readonly path: string;
  readonly data: string;
  readonly kind: NodeKind;
  readonly sequential: boolean;
  readonly ttlMs?: number;
  /** Absent = open to the world. */
  readonly acl?: readonly AclEntry[];
}

export interface SetMember {
  readonly type: 'set';
  readonly path: string;
  readonly data: string;
  /** −1 = any. */
  readonly version: number;
}

export interface VersionMember {
  readonly type: 'delete' | 'check';
  readonly path: string;
  readonly version: number;
}

export type Member = CreateMember | SetMember | VersionMember;

/** Watches of one path come in one family: ZooKeeper 3.8 confuses different modes on the same path. */
export type WatchFamily = 'standard' | 'persistent' | 'persistent-recursive';

export type Action =
  | CreateMember
  | SetMember
  | { readonly type: 'delete'; readonly path: string; readonly version: number }
  | { readonly type: 'get' | 'exists' | 'children'; readonly path: string; readonly watch: boolean }
  | { readonly type: 'acl' | 'count'; readonly path: string }
  | {
      readonly type: 'setAcl';
      readonly path: string;
      readonly acl: readonly AclEntry[];
      readonly version: number;
    }
  | { readonly type: 'multi'; readonly members: readonly Member[] }
  | {
      readonly type: 'multiRead';
      readonly members: readonly { readonly type: 'get' | 'children'; readonly path: string }[];
    }
  | { readonly type: 'ephemerals'; readonly prefix: string }
  | { readonly type: 'sync' }
  | { readonly type: 'whoami' }
  | { readonly type: 'auth'; readonly user: string }
  | {
      readonly type: 'watch';
      readonly path: string;
      readonly mode: 'persistent' | 'persistent-recursive';
    }
  | {
      readonly type: 'unwatch';
      readonly path: string;
      readonly kind: 'any' | 'data' | 'children';
    }
  /** Ends the session, shows that it cannot be resumed, and opens the slot's next one. */
  | { readonly type: 'close' }
  /** Breaks the connection; the session is resumed before the slot's next step. */
  | { readonly type: 'drop' }
  | { readonly type: 'resume' };

export type Step = Action & { readonly slot: Slot };
export type ActionType = Action['type'];

/** What a front door cannot say is left out of its programs. */
export interface Profile {
  /** Steps of a lasting connection: removal of watches, broken and resumed connections. */
  readonly connection: boolean;
  /** True where a session may gain identities at any time; else it has at most one, from its start. */
  readonly laterIdentities: boolean;
  /** Paths that only a body can carry, because a URL always begins with "/". */
  readonly rootlessPaths: boolean;
}

export const websocketProfile: Profile = {
  connection: true,
  laterIdentities: true,
  rootlessPaths: true,
};

export const restProfile: Profile = {
  connection: false,
  laterIdentities: false,
  rootlessPaths: false,
};

const weights: Readonly<Record<Exclude<ActionType, 'resume'>, number>> = {
  create: 27,
  set: 14,
  delete: 13,
  get: 10,
  exists: 10,
  children: 9,
  acl: 3,
  setAcl: 4,
  multi: 11,
  multiRead: 2,
  ephemerals: 2,
  count: 2,
  sync: 1,
  whoami: 1,
  auth: 2,
  watch: 7,
  unwatch: 3,
  close: 1.2,
  drop: 1.2,
};

const parents = ['@/a', '@/a', '@/b', '@/a/x'];
const leaves = ['@/a/y', '@/b/q', '@/a/x/p', '@/a/x/…', '@/b/...'];
const paths = ['@', ...parents, ...leaves];
const sequenced = ['@/a/n-0000000000', '@/a/n-0000000001', '@/a/0000000002', '@/b/n-0000000003'];
const prefixes = ['@/a/n-', '@/b/n-', '@/a/', '@/a/x/s p%c-'];
const reserved = ['/', '/zookeeper', '/zookeeper/quota'];
/** Only read and deleted: its version differs, since only an ensemble writes it. */
const configuration = '/zookeeper/config';
const badPaths = [
  ...['@/a//x', '@/a/', '@/a/./x', '@/a/..', '@/a/\u0001', '@/a/\u007f', '@/a/\u{1f600}'],
  ...['@/missing//x', '@/a/\ufff1'],
];
const rootlessPaths = ['', 'a', 'a/b'];
const users = ['ann', 'bob'];
const notUtf8 = 'base64:/v8A';
const dataChoices = ['', 'x', 'hello', 'h\u00e9llo', '\u0000\u0001', notUtf8, 'x'.repeat(300)];
const versions = [-1, -1, -1, -1, 0, 0, 1, 2, 3, 9];

/** The bytes that a step's `data` stands for: its UTF-8, or what follows "base64:". */
export function bytesOf(data: string): Buffer {
  const [, encoded] = data.split('base64:');
  return encoded === undefined ? Buffer.from(data, 'utf8') : Buffer.from(encoded, 'base64');
}

/** Every user of a program has this password. */
export const passwordOf = (user: string): string => `${user}-secret`;

const worldCan = (perms: number): AclEntry => ({ scheme: 'world', id: 'anyone', perms });
const userCan = (user: string, perms: number): AclEntry => ({
  scheme: 'digest',
  id: digestId(user, passwordOf(user)),
  perms,
});
const { READ, WRITE, CREATE, DELETE, ADMIN, ALL } = Perms;

const aclChoices: readonly (readonly AclEntry[])[] = [
  [worldCan(ALL)],
  [worldCan(READ)],
  [worldCan(WRITE | CREATE | DELETE)],
  [worldCan(READ | WRITE | CREATE), userCan('ann', ALL)],
  [userCan('ann', ALL)],
  [userCan('bob', READ | ADMIN), userCan('ann', WRITE | CREATE | DELETE), worldCan(CREATE)],
  [{ scheme: 'auth', id: '', perms: ALL }],
  [{ scheme: 'auth', id: '', perms: READ }, worldCan(ALL & ~READ)],
  [{ scheme: 'ip', id: '127.0.0.1', perms: ALL }],
  [{ scheme: 'ip', id: '10.0.0.0/8', perms: ALL }, worldCan(READ | ADMIN)],
  [worldCan(ALL), worldCan(ALL)],
];

const invalidAcls: readonly (readonly AclEntry[])[] = [
  [],
  [{ scheme: 'nobody-knows', id: 'x', perms: ALL }],
  [{ scheme: 'digest', id: 'no-hash', perms: ALL }],
  [{ scheme: 'world', id: 'someone', perms: ALL }],
  [{ scheme: 'ip', id: '10.0.0.0/99', perms: ALL }],
];

/** The family of watches that a session may set on `path`, different with every salt. */
function watchFamily(salt: number, path: string): WatchFamily {
  if (path === '@') return salt % 2 === 0 ? 'persistent' : 'persistent-recursive';
  let hash = salt;
  for (const character of path) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  if (hash % 3 !== 0) return 'standard';
  return hash % 2 === 0 ? 'persistent' : 'persistent-recursive';
}

class Generator {
  readonly #random: Random;
  readonly #profile: Profile;
  readonly #salt: number;
  /** Steps that must come next. */
  readonly #pending: Step[] = [];

  constructor(seed: number, profile: Profile) {
    this.#random = new Random(seed);
    this.#salt = seed;
    this.#profile = profile;
    for (const slot of slots) this.#open(slot);
  }

  /** What must come before anything else. */
  opening(): Step[] {
    return this.#pending.splice(0);
  }

  step(): Step {
    const pending = this.#pending.shift();
    if (pending !== undefined) return pending;
    for (;;) {
      const slot = this.#random.pick(slots);
      const action = this.#action(slot);
      if (action !== undefined) return { ...action, slot };
    }
  }

  #action(slot: Slot): Action | undefined {
    const type = this.#random.weighted(weights);
    switch (type) {
      case 'create':
      case 'set':
      case 'delete':
      case 'setAcl':
      case 'multi':
        return this.#write(type);
      case 'get':
      case 'exists':
      case 'children':
        return this.#read(slot, type);
      case 'acl':
      case 'count':
        return { type, path: this.#path() };
      case 'multiRead':
        return { type, members: this.#reads() };
      default:
        return this.#session(slot, type);
    }
  }

  #write(type: 'create' | 'set' | 'delete' | 'setAcl' | 'multi'): Action {
    switch (type) {
      case 'create':
        return this.#create();
      case 'set':
        return this.#set();
      case 'delete':
        return this.#delete();
      case 'setAcl':
        return this.#setAcl();
      case 'multi':
        return { type, members: this.#members() };
    }
  }

  #session(
    slot: Slot,
    type: 'auth' | 'watch' | 'unwatch' | 'close' | 'drop' | 'ephemerals' | 'sync' | 'whoami',
  ): Action | undefined {
    switch (type) {
      case 'sync':
      case 'whoami':
        return { type };
      case 'ephemerals':
        return { type, prefix: this.#profile.connection ? this.#prefix() : '' };
      case 'auth':
        return this.#profile.laterIdentities ? this.#auth() : undefined;
      case 'watch':
        return this.#persistentWatch(slot);
      case 'unwatch':
        return this.#profile.connection ? this.#removal(slot) : undefined;
      case 'close':
        this.#open(slot);
        return { type };
      case 'drop':
        return this.#profile.connection ? { type } : undefined;
    }
  }

  #auth(): Action & { type: 'auth' } {
    return { type: 'auth', user: this.#random.pick(users) };
  }

  /** A new session, with its one identity where there is no other time for it. */
  #open(slot: Slot): void {
    if (this.#profile.laterIdentities || this.#random.chance(0.4)) return;
    this.#pending.push({ ...this.#auth(), slot });
  }

  #family(slot: Slot, path: string): WatchFamily {
    return watchFamily(2 * this.#salt + slot, path);
  }

  #path(): string {
    if (this.#random.chance(0.03)) return this.#random.pick(badPaths);
    if (this.#random.chance(0.02)) return this.#random.pick(reserved);
    if (this.#profile.rootlessPaths && this.#random.chance(0.01)) {
      return this.#random.pick(rootlessPaths);
    }
    return this.#random.pick(this.#random.chance(0.1) ? sequenced : paths);
  }

  #prefix(): string {
    return this.#random.pick(['', '/', '@', '@/a', '@/a/x', '@/a/n-', '@/none']);
  }

  #version(): number {
    return this.#random.pick(versions);
  }

  #acl(): readonly AclEntry[] {
    return this.#random.pick(this.#random.chance(0.12) ? invalidAcls : aclChoices);
  }

  #set(): SetMember {
    return {
      type: 'set',
      path: this.#random.chance(0.4) ? this.#random.pick(parents) : this.#path(),
      data: this.#random.pick(dataChoices),
      version: this.#version(),
    };
  }

  /** Leaves rather than parents, so that there is something left to work on. */
  #delete(): VersionMember & { type: 'delete' } {
    const usual = this.#random.chance(0.5) ? this.#random.pick(leaves) : this.#path();
    const path = this.#random.chance(0.01) ? configuration : usual;
    return { type: 'delete', path, version: this.#version() };
  }

  /** Not of the base or above, where a wrong ACL would end the effects of all programs for good. */
  #setAcl(): Action {
    const path = this.#path();
    return {
      type: 'setAcl',
      path: path.startsWith('@/') ? path : this.#random.pick(leaves),
      acl: this.#acl(),
      version: this.#version(),
    };
  }

  #member(): Member {
    const type = this.#random.weighted({ create: 4, set: 3, delete: 3, check: 2 });
    if (type === 'create') return this.#create();
    if (type === 'set') return this.#set();
    if (type === 'delete') return this.#delete();
    return { type, path: this.#path(), version: this.#version() };
  }

  #create(): CreateMember {
    if (this.#random.chance(0.3)) return this.#createParent();
    const sequential = this.#random.chance(0.3);
    const kind = this.#random.weighted<NodeKind>({
      persistent: 45,
      ephemeral: 35,
      container: sequential ? 0 : 10,
      ttl: 10,
    });
    const usual = this.#random.pick(sequential ? prefixes : leaves);
    const path = this.#random.chance(0.75) ? usual : this.#path();
    return {
      type: 'create',
      path,
      data: this.#random.pick(dataChoices),
      kind,
      // Numbers below the root depend on what else was created there.
      sequential: sequential && path.startsWith('@/'),
      ...(kind === 'ttl' ? { ttlMs: this.#ttl() } : {}),
      ...(this.#random.chance(0.15) ? { acl: this.#acl() } : {}),
    };
  }

  #createParent(): CreateMember {
    const kind = this.#random.weighted({ persistent: 8, container: 1, ephemeral: 1 });
    const path = this.#random.pick(parents);
    return { type: 'create', path, data: this.#random.pick(dataChoices), kind, sequential: false };
  }

  #ttl(): number {
    return this.#random.chance(0.1)
      ? this.#random.pick([0, 1_099_511_627_776])
      : this.#random.pick([3_600_000, 86_400_000, 1_099_511_627_775]);
  }

  #read(slot: Slot, type: 'get' | 'exists' | 'children'): Action {
    const usual = this.#random.chance(0.3) ? this.#random.pick(parents) : this.#path();
    const path = this.#random.chance(0.01) ? configuration : usual;
    const watchable = path.startsWith('@') && !badPaths.includes(path);
    const standard = watchable && this.#family(slot, path) === 'standard';
    return { type, path, watch: standard && this.#random.chance(0.8) };
  }

  #reads(): { type: 'get' | 'children'; path: string }[] {
    const count = 1 + this.#random.below(4);
    return Array.from({ length: count }, () => ({
      type: this.#random.pick(['get', 'children'] as const),
      path: this.#random.pick(paths),
    }));
  }

  /** Half of the multis are made of steps that build on one another, so that enough of them succeed. */
  #members(): Member[] {
    if (this.#random.chance(0.5)) return this.#chain();
    const count = 1 + this.#random.below(4);
    return Array.from({ length: count }, () => this.#member());
  }

  #chain(): Member[] {
    const parent = this.#random.pick(['@/m', '@/a/m']);
    const child = `${parent}/c`;
    const open = { data: 'm', kind: 'persistent', sequential: false } as const;
    const chain: Member[] = [
      { type: 'create', path: parent, ...open },
      {
        type: 'create',
        path: child,
        ...open,
        kind: this.#random.pick(['persistent', 'ephemeral']),
      },
      { type: 'create', path: `${parent}/n-`, ...open, sequential: true },
      { type: 'set', path: child, data: 'again', version: this.#random.pick([0, -1]) },
      { type: 'check', path: child, version: this.#random.pick([1, 1, 1, 0]) },
      { type: 'set', path: parent, data: 'twice', version: -1 },
      { type: 'delete', path: child, version: -1 },
      { type: 'delete', path: `${parent}/n-0000000001`, version: -1 },
      { type: 'delete', path: parent, version: 1 },
    ];
    return chain.slice(0, 1 + this.#random.below(chain.length));
  }

  #persistentWatch(slot: Slot): Action | undefined {
    const path = this.#random.pick(this.#random.chance(0.5) ? parents : paths);
    const mode = this.#family(slot, path);
    return mode === 'standard' ? undefined : { type: 'watch', path, mode };
  }

  #removal(slot: Slot): Action {
    const path = this.#random.pick(paths);
    const standard = this.#family(slot, path) === 'standard';
    return {
      type: 'unwatch',
      path,
      kind: standard ? this.#random.pick(['any', 'data', 'children'] as const) : 'any',
    };
  }
}

export function generateProgram(seed: number, length: number, profile: Profile): Step[] {
  const generator = new Generator(seed, profile);
  const ground: Step[] = ['@/a', '@/b', '@/a/x'].map((path) => ({
    type: 'create',
    slot: 0,
    path,
    data: '',
    kind: 'persistent',
    sequential: false,
  }));
  // The second session sees everything, so that no change goes without an event.
  const watch: Step = { type: 'watch', slot: 1, path: '@', mode: 'persistent-recursive' };
  const opening = [...generator.opening(), ...ground, watch];
  const count = Math.max(0, length - opening.length);
  return [...opening, ...Array.from({ length: count }, () => generator.step())];
}
