/** All users of a run, and what is known of what they have asked for. */
import type { CoordinatorAnswer, SessionAnswer } from '../../../src/protocol/coordination.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import { defaultTimeouts } from '../../../src/zab/options.ts';
import { Answers } from '../checkers/answers.ts';
import type { Committed, Commits } from '../checkers/commits.ts';
import { nameOf, newConversation, what } from '../checkers/requests.ts';
import type { Answer, Conversation, Deed, Request } from '../checkers/requests.ts';
import { Sessions } from '../checkers/sessions.ts';
import { Suspensions } from '../checkers/suspensions.ts';
import type { Cluster } from '../cluster.ts';
import type { WorkloadSwarm } from '../swarm.ts';
import type { Chance } from '../world/chance.ts';
import type { Life, Machine } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import type { World } from '../world/world.ts';
import { Client } from './client.ts';
import { Listener } from './listener.ts';
import { Poller } from './poller.ts';
import type { User } from './user.ts';

const decoder = new TextDecoder();

export class Clients {
  readonly world: World;
  readonly workload: WorkloadSwarm;
  readonly commits: Commits;
  readonly answers: Answers;
  readonly sessions: Sessions;
  readonly suspensions: Suspensions;
  /** True when nothing new is to be asked for. */
  isQuiet = false;
  readonly #cluster: Cluster;
  readonly #users: readonly User[];
  readonly #streams = new Map<Life, Map<number, Conversation>>();
  readonly #alone = new Map<number, Request>();
  /** Whoever is cut off from a node does not hear what it still says. */
  readonly #lost = new Set<number>();
  readonly #deeds = new Map<string, Deed>();
  #reachable: readonly Machine[];
  #streamIds = 0;
  #ids = 0;
  #answered = 0;

  /** @param voterDisks how many voters have, or have had, the committed record at a zxid on disk */
  constructor(cluster: Cluster, commits: Commits, voterDisks: (zxid: number) => number) {
    const { world, swarm } = cluster;
    this.#cluster = cluster;
    this.commits = commits;
    this.#reachable = cluster.machines;
    this.world = world;
    this.workload = swarm.workload;
    this.answers = new Answers(commits, {
      limits: swarm.limits,
      voters: swarm.voters.length,
      voterDisks,
    });
    this.sessions = new Sessions(world, { drift: swarm.clockDrift, tickMs: swarm.tickMs });
    this.suspensions = new Suspensions({
      peerMs: swarm.peerTimeouts.peerMs ?? defaultTimeouts.peerMs,
      spreadMs: swarm.limits.suspensionSpreadMs,
      streamsOf: (life) => this.#streams.get(life)?.values() ?? [],
      hasExpired: (session) => this.sessions.hasExpired(session),
    });
    this.#users = this.#makeUsers();
  }

  /** Those that clients can reach. */
  get machines(): readonly Machine[] {
    return this.#reachable;
  }

  /** From here on clients reach only these machines. */
  keepTo(machines: readonly Machine[]): void {
    this.#reachable = machines;
    const lost = this.#cluster.machines.filter((machine) => !machines.includes(machine));
    for (const { life } of lost) if (life !== undefined) this.ended(life);
  }

  /** Answers so far. */
  get answered(): number {
    return this.#answered;
  }

  get all(): readonly User[] {
    return this.#users;
  }

  begin(): void {
    for (const user of this.#users) user.begin();
  }

  /** A process that can be talked to. */
  pickLife(chance: Chance): Life | undefined {
    const machines = this.#reachable.filter(({ isReachable }) => isReachable);
    return machines.length === 0 ? undefined : chance.pick(machines).life;
  }

  // What happens.

  take(life: Life, answers: readonly CoordinatorAnswer[]): void {
    for (const answer of answers) {
      this.world.trace.mix(answer.stream);
      this.world.trace.tell(() => `node ${life.machine.id} answers ${textOf(answer)}`);
      if ('zxid' in answer) this.world.trace.mix(answer.zxid);
      if (answer.stream === 0) this.#takeAlone(answer);
      else this.#takeOnStream(life, answer);
    }
  }

  ended(life: Life): void {
    this.suspensions.ended(life);
    this.#streams.delete(life);
    for (const user of this.#users) user.lost(life);
  }

  /** A transaction is in the ledger: it is somebody's, once, and not of somebody whose turn is over. */
  committed({ zxid, epoch, transaction }: Committed): void {
    if (transaction === undefined) return;
    const tags = new Set<string>();
    const { idempotency } = transaction;
    if (idempotency !== undefined) tags.add(idempotency.key);
    for (const change of transaction.changes) {
      if (change.type === 'closeSession') this.sessions.ended(change.session, { epoch, zxid });
      if (!('data' in change) || change.data.length === 0) continue;
      const [tag = ''] = decoder.decode(change.data).split(' ');
      tags.add(tag);
    }
    for (const tag of tags) this.#deedCommitted(tag, zxid, transaction.session);
    if (idempotency !== undefined) this.answers.keys.used(zxid, idempotency);
  }

  // What users say.

  open(
    life: Life,
    of: { readonly client: number; readonly identities: readonly Identity[] },
  ): Conversation {
    this.#streamIds += 1;
    const stream = newConversation(life, this.#streamIds, of);
    const streams = this.#streams.get(life) ?? new Map<number, Conversation>();
    this.#streams.set(life, streams);
    streams.set(stream.id, stream);
    life.machine.submit([{ type: 'open', stream: stream.id, identities: of.identities }]);
    return stream;
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  asked(request: Request): void {
    const { deed, stream } = request;
    this.world.trace.tell(() => `asked: ${what(request)} on ${stream?.id ?? 0}`);
    deed.attempts.push(request);
    if (deed.tag !== '') this.#deeds.set(deed.tag, deed);
    if (stream === undefined) this.#alone.set(request.id, request);
  }

  lostAlone({ id }: Request): void {
    this.#alone.delete(id);
    this.#lost.add(id);
  }

  closed({ life, id }: Conversation): void {
    this.#streams.get(life)?.delete(id);
  }

  /** C-3: answers come in the order of the requests. @returns true, or does not return */
  inOrder(stream: Conversation, request: Request | undefined, answer: Answer): request is Request {
    if (request?.id === answer.id) return true;
    const expected = request === undefined ? 'nothing' : what(request);
    return violated(`C-3: ${nameOf(stream)} is answered ${answer.id} and waits for ${expected}`);
  }

  connected(stream: Conversation, timeoutMs: number, zxid: number): void {
    const generation = this.commits.generationAt(stream.session, zxid);
    this.sessions.connected(stream, timeoutMs, generation);
  }

  /**
   * Whatever happens to the others, a process that runs answers everybody who reads what it says. Who stops has
   * closed its front doors, and waits for its disk alone, as long as the server lets it.
   */
  gaveUp({ life, headSinceMs, isBlocked, open: [head] }: Conversation): void {
    if (isBlocked || head === undefined || life.isStopping) return;
    if (life.process.stoodStillMs > headSinceMs) return;
    violated(
      `liveness: ${what(head)} has no answer from node ${life.machine.id} since ${headSinceMs} ms`,
    );
  }

  requireAtLeast(stream: Conversation, zxid: number, least: number): void {
    if (zxid >= least) return;
    violated(`C-5: ${nameOf(stream)} is connected at ${zxid} and has named ${least}`);
  }

  sessionNews(stream: Conversation, state: SessionAnswer['state']): void {
    if (state === 'moved') return;
    if (state !== 'expired') {
      this.suspensions.told(stream, state);
      return;
    }
    if (this.commits.history.isLiveAt(stream.session, this.commits.last)) {
      violated(`C-8: ${nameOf(stream)} is told that its session is over, and it is not`);
    }
  }

  #makeUsers(): readonly User[] {
    const { clients, listeners, pollers } = this.workload;
    const chance = (name: string): Chance => this.world.chance.fork(name);
    const users: User[] = [];
    for (let id = 1; id <= clients; id += 1)
      users.push(new Client(this, id, chance(`client ${id}`)));
    for (let index = 1; index <= listeners; index += 1) {
      users.push(new Listener(this, users.length + 1, chance(`listener ${index}`)));
    }
    for (let index = 1; index <= pollers; index += 1) {
      users.push(new Poller(this, users.length + 1, chance(`poller ${index}`)));
    }
    return users;
  }

  #takeOnStream(life: Life, answer: CoordinatorAnswer): void {
    const stream = this.#streams.get(life)?.get(answer.stream);
    if (stream === undefined) return;
    this.#answered += 1;
    this.#users[stream.client - 1]?.take(stream, answer);
  }

  #takeAlone(answer: CoordinatorAnswer): void {
    if (answer.type !== 'result' && answer.type !== 'error') return;
    if (this.#lost.delete(answer.id)) return;
    const request = this.#alone.get(answer.id);
    if (request === undefined) {
      violated(`C-3: an answer to request ${answer.id}, which is answered already`);
    }
    this.#alone.delete(answer.id);
    this.#answered += 1;
    this.#users[request.client - 1]?.takeAlone(request, answer);
  }

  #deedCommitted(tag: string, zxid: number, session: number): void {
    const deed = this.#deeds.get(tag);
    const first = deed?.attempts[0];
    if (deed === undefined || first === undefined) {
      violated(`I-1: ${tag} is committed at ${zxid} and nobody asked for it`);
    }
    const before = deed.commits.at(-1);
    const isForgotten = before !== undefined && !this.answers.keys.isRemembered(before, zxid - 1);
    if (before !== undefined && (!isForgotten || deed.attempts.length === 1)) {
      violated(`C-2: ${what(first)} is committed at ${before} and again at ${zxid}`);
    }
    if (deed.attempts.every(({ outcome }) => outcome === 'not-applied')) {
      violated(`C-7: ${what(first)} was said to be not applied and is committed at ${zxid}`);
    }
    deed.commits.push(zxid);
    if (deed.attempts.length === 1) this.answers.committed(first, zxid);
    const newest = this.commits.generationAt(session, zxid);
    this.sessions.committed(deed.attempts, zxid, { session, newest });
  }
}

function textOf(answer: CoordinatorAnswer): string {
  const { type, stream } = answer;
  const zxid = 'zxid' in answer ? ` at ${answer.zxid}` : '';
  const id = 'id' in answer ? ` ${answer.id}` : '';
  const code = type === 'error' ? ` ${answer.error.code}` : '';
  return `${type}${id} on ${stream}${code}${zxid}`;
}
