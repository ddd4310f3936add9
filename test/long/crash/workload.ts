/** A random load with everything in it, one step after another. */
import type { Acl, Identity, NodeKind, ZnodePath } from '../../../src/protocol/model.ts';
import type {
  CreateOperation,
  MultiMember,
  VersionCondition,
  WriteOperation,
} from '../../../src/protocol/operations.ts';
import type { Random } from '../../support/random.ts';
import type { SessionGrant } from './ledger.ts';
import { operator } from './life.ts';
import type { Life, Who } from './life.ts';
import { fail, same } from './fail.ts';
import { sessionTimeoutMs, superIdentity } from './settings.ts';

const ann: Identity = { scheme: 'digest', id: 'ann:AAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
const parents = ['/a', '/b', '/q', '/a/x', '/c'];
const names = ['x', 'y', 'z', 'n-'];
const keys = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8', 'k9'];
const acls: readonly Acl[] = [
  [{ scheme: 'world', id: 'anyone', perms: 31 }],
  [{ scheme: 'world', id: 'anyone', perms: 23 }],
  [{ scheme: 'auth', id: '', perms: 31 }],
  [{ ...ann, perms: 31 }],
  [{ scheme: 'ip', id: '10.0.0.0/8', perms: 7 }],
  [
    { scheme: 'world', id: 'anyone', perms: 1 },
    { ...superIdentity, perms: 31 },
  ],
];
const callers: readonly (readonly Identity[])[] = [[], [superIdentity], [superIdentity], [ann]];

type Deed = readonly [weight: number, deed: () => void];

export class Workload {
  readonly #life: Life;
  readonly #random: Random;
  /** Sessions that are attached to a stream of this life. */
  #attached: Who[] = [];
  /** By session, the stream that has asked for it last: nothing of an older one counts. */
  readonly #asked = new Map<number, object>();
  readonly #deeds: readonly Deed[];

  constructor(life: Life, random: Random) {
    this.#life = life;
    this.#random = random;
    this.#deeds = [
      [32, () => this.#write((who) => this.#create(who))],
      [8, () => this.#write(() => ({ type: 'put', path: this.#path(), data: this.#data() }))],
      [8, () => this.#write(() => this.#set())],
      [7, () => this.#write(() => this.#delete())],
      [3, () => this.#write(() => this.#setAcl())],
      [10, () => this.#write((who) => this.#multi(who))],
      [3, () => this.#life.openSession(sessionTimeoutMs)],
      [3, () => this.#attach()],
      [2, () => this.#endSession()],
      [6, () => void this.#life.retry(this.#one(keys))],
      [8, () => this.#read()],
      [10, () => this.#life.world.pass(this.#upTo(500))],
      [1, () => this.#life.world.jump(this.#upTo(10_000) - 5000)],
      [4, () => this.#slowReader()],
    ];
  }

  /** One deed, and then a few turns of the world, so that deeds pile up now and then. */
  async step(): Promise<void> {
    const total = this.#deeds.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.#random() * total;
    for (const [weight, deed] of this.#deeds) {
      left -= weight;
      if (left >= 0) continue;
      deed();
      break;
    }
    const turns = this.#random() < 0.3 ? 12 : this.#upTo(4);
    for (let turn = 0; turn < turns; turn += 1) if (!(await this.#life.world.turn())) break;
  }

  #write(make: (who: Who) => WriteOperation): void {
    const who = this.#who();
    const isKept = (key: string): boolean =>
      this.#life.ledger.remembered(key, this.#life.applied) !== undefined;
    const key = this.#random() < 0.2 ? this.#one(keys) : undefined;
    // Mostly a key that is free: a conflict writes nothing.
    const isWanted = key !== undefined && (!isKept(key) || this.#random() < 0.2);
    this.#life.write(make(who), who, isWanted ? key : undefined);
  }

  #who(): Who {
    this.#forgetEnded();
    const attached = this.#random() < 0.3 ? this.#someone(this.#attached) : undefined;
    if (attached !== undefined) return attached;
    const identities = this.#one(callers);
    const session = this.#random() < 0.6 ? this.#someone(this.#sessions()) : undefined;
    return session === undefined ? { identities } : { identities, session };
  }

  #create(who: Who): CreateOperation {
    const kind = who.session === undefined && this.#random() < 0.95 ? 'persistent' : this.#kind();
    const sequential = kind !== 'container' && this.#random() < 0.4;
    return {
      ...{ type: 'create', path: this.#path(), data: this.#data(), kind, sequential },
      ...(kind === 'ttl' && { ttlMs: 1 + this.#upTo(4000) }),
      ...(this.#random() < 0.7 && { parents: true }),
      ...(this.#random() < 0.3 && { acl: this.#one(acls) }),
    };
  }

  #kind(): NodeKind {
    const kinds = ['persistent', 'ephemeral', 'ephemeral', 'ephemeral', 'container', 'ttl'];
    return this.#one(kinds) as NodeKind;
  }

  #set(): MultiMember & { readonly type: 'set' } {
    return { type: 'set', path: this.#path(), data: this.#data(), ...this.#condition() };
  }

  #delete(): MultiMember & { readonly type: 'delete' } {
    const recursive = this.#random() < 0.2;
    return { type: 'delete', path: this.#path(), recursive, ...this.#condition() };
  }

  #setAcl(): WriteOperation {
    return { type: 'setAcl', path: this.#path(), acl: this.#one(acls) };
  }

  #multi(who: Who): WriteOperation {
    const operations = Array.from({ length: this.#upTo(4) }, (): MultiMember => {
      const choice = this.#random();
      if (choice < 0.6) return this.#create(who);
      if (choice < 0.8) return this.#set();
      if (choice < 0.9) return this.#delete();
      return { type: 'check', path: this.#path(), ...this.#condition() };
    });
    return { type: 'multi', operations };
  }

  #condition(): { condition?: VersionCondition } {
    const choice = this.#random();
    if (choice < 0.7) return {};
    return { condition: choice < 0.75 ? 'exists' : [{ version: this.#upTo(2) }] };
  }

  #attach(): void {
    const session = this.#someone(this.#sessions());
    if (session === undefined) return;
    // The older stream of a session that moves is at its end.
    this.#attached = this.#attached.filter((who) => who.session?.id !== session.id);
    const attempt = {};
    this.#asked.set(session.id, attempt);
    this.#life.attach(session, this.#one(callers), (who) => {
      if (this.#asked.get(session.id) === attempt) this.#attached.push(who);
    });
  }

  /** The stream of the session says goodbye. */
  #endSession(): void {
    this.#forgetEnded();
    const who = this.#someone(this.#attached);
    const { session } = who ?? {};
    if (who === undefined || session === undefined) return;
    this.#attached = this.#attached.filter((other) => other !== who);
    const { ledger, world } = this.#life;
    const operation = { type: 'closeSession', session: session.id } as const;
    const nobody = { identities: [], session: 0 };
    const expected = ledger.judge(operation, nobody, world.moment.wallMs);
    this.#life.send({ operation: { type: 'endSession' } }, who, ({ zxid, type }) => {
      same({ zxid, type }, { zxid: expected.zxid, type: 'result' }, 'the end of a session');
    });
  }

  #forgetEnded(): void {
    this.#attached = this.#attached.filter(({ stream = 0 }) => this.#life.isOpen(stream));
  }

  #read(): void {
    const path = this.#path();
    const isLocal = this.#random() < 0.5;
    const consistency = isLocal ? 'local' : 'linearizable';
    this.#life.send({ operation: { type: 'get', path }, consistency }, operator, (answer) => {
      const node = this.#life.ledger.state(answer.zxid).nodes.get(path);
      if (answer.type === 'error') {
        same(node && answer.error.code, undefined, `read of ${path} at ${answer.zxid}`);
        return;
      }
      if (!('data' in answer.result)) return fail('a read without data');
      const { data, stat } = answer.result;
      const seen = { data: [...data], mzxid: stat.mzxid };
      const wanted = node && { data: [...node.data], mzxid: node.mzxid };
      same(seen, wanted, `read of ${path} at ${answer.zxid}`);
    });
  }

  #slowReader(): void {
    const watcher = this.#someone([...this.#life.watchers.values()]);
    if (watcher !== undefined) this.#life.flow(watcher, this.#random() < 0.7);
  }

  /** Those that are alive as far as has been judged, and now and then one that is not. */
  #sessions(): readonly SessionGrant[] {
    const { grants, present } = this.#life.ledger;
    if (this.#random() < 0.1) return grants;
    const mine = new Set(this.#attached.map((who) => who.session?.id));
    return grants.filter(({ id }) => present.sessions.has(id) && !mine.has(id));
  }

  #path(): ZnodePath {
    const parent = this.#one(parents);
    const path = this.#random() < 0.3 ? parent : `${parent}/${this.#one(names)}`;
    return path as ZnodePath;
  }

  /** Mostly short; a few fill a segment or go across its end. */
  #data(): Uint8Array {
    const length = this.#random() < 0.05 ? this.#upTo(3000) : this.#upTo(40);
    return Uint8Array.from({ length }, () => this.#upTo(255));
  }

  #one<Value>(values: readonly Value[]): Value {
    return this.#someone(values) ?? fail('nothing to choose from');
  }

  #someone<Value>(values: readonly Value[]): Value | undefined {
    return values[Math.floor(this.#random() * values.length)];
  }

  /** An integer from 0 to `most`. */
  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }
}
