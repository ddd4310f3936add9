/** All clients of a run, and what is known of what they have asked for. */
import type { CoordinatorAnswer } from '../../../src/protocol/coordination.ts';
import { Answers, nameOf, what } from '../checkers/answers.ts';
import type { Committed, Commits } from '../checkers/commits.ts';
import { newConversation } from '../checkers/requests.ts';
import type { Answer, Conversation, Request } from '../checkers/requests.ts';
import { Sessions } from '../checkers/sessions.ts';
import type { Cluster } from '../cluster.ts';
import type { WorkloadSwarm } from '../swarm.ts';
import type { Life, Machine } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import type { World } from '../world/world.ts';
import { Client } from './client.ts';

const decoder = new TextDecoder();

export class Clients {
  readonly world: World;
  readonly workload: WorkloadSwarm;
  readonly answers: Answers;
  readonly sessions: Sessions;
  /** True when nothing new is to be asked for. */
  isQuiet = false;
  readonly #cluster: Cluster;
  readonly #commits: Commits;
  readonly #clients: readonly Client[];
  readonly #streams = new Map<Life, Map<number, Conversation>>();
  readonly #alone = new Map<number, { readonly request: Request; readonly life: Life }>();
  readonly #tagged = new Map<string, Request>();
  #reachable: readonly Machine[];
  #streamIds = 0;
  #aloneIds = 0;
  #answered = 0;

  constructor(cluster: Cluster, commits: Commits) {
    this.#cluster = cluster;
    this.#commits = commits;
    this.#reachable = cluster.machines;
    this.world = cluster.world;
    this.workload = cluster.swarm.workload;
    this.answers = new Answers(commits);
    this.sessions = new Sessions(this.world, cluster.swarm.clockDrift);
    this.#clients = Array.from(
      { length: this.workload.clients },
      (_, index) => new Client(this, index + 1, this.world.chance.fork(`client ${index + 1}`)),
    );
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

  get all(): readonly Client[] {
    return this.#clients;
  }

  begin(): void {
    for (const client of this.#clients) client.begin();
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
    this.#streams.delete(life);
    for (const client of this.#clients) client.lost(life);
  }

  /** A transaction is in the ledger: it is somebody's, once, and not of somebody whose turn is over. */
  committed({ zxid, transaction }: Committed): void {
    if (transaction === undefined) return;
    const tags = new Set<string>();
    if (transaction.idempotency !== undefined) tags.add(transaction.idempotency.key);
    for (const change of transaction.changes) {
      if (!('data' in change) || change.data.length === 0) continue;
      const [tag = ''] = decoder.decode(change.data).split(' ');
      tags.add(tag);
    }
    for (const tag of tags) this.#tagCommitted(tag, zxid, transaction.session);
  }

  // What clients say.

  open(life: Life, client: Client): Conversation {
    this.#streamIds += 1;
    const stream = newConversation(life, this.#streamIds, client.id);
    const streams = this.#streams.get(life) ?? new Map<number, Conversation>();
    this.#streams.set(life, streams);
    streams.set(stream.id, stream);
    life.machine.submit([{ type: 'open', stream: stream.id, identities: [] }]);
    return stream;
  }

  asked(request: Request): void {
    this.world.trace.tell(() => `asked: ${what(request)} on ${request.stream?.id ?? 0}`);
    if (request.tag !== '') this.#tagged.set(request.tag, request);
  }

  nextAlone(): number {
    this.#aloneIds += 1;
    return this.#aloneIds;
  }

  askedAlone(request: Request, life: Life): void {
    this.#alone.set(request.id, { request, life });
    this.asked(request);
  }

  lifeOf(request: Request): Life | undefined {
    return this.#alone.get(request.id)?.life;
  }

  closed({ life, id }: Conversation): void {
    this.#streams.get(life)?.delete(id);
  }

  /** C-3: answers come in the order of the requests. @returns true, or does not return */
  inOrder(stream: Conversation, request: Request | undefined, answer: Answer): boolean {
    if (request?.id === answer.id) return true;
    const expected = request === undefined ? 'nothing' : what(request);
    return violated(`C-3: ${nameOf(stream)} is answered ${answer.id} and waits for ${expected}`);
  }

  connected(stream: Conversation, timeoutMs: number, zxid: number): void {
    const generation = this.#commits.generationAt(stream.session, zxid);
    this.sessions.connected(stream, timeoutMs, generation);
  }

  /** Whatever happens to the others, a process that runs answers everybody who reads what it says. */
  gaveUp({ life, headSinceMs, isBlocked, open: [head] }: Conversation): void {
    if (isBlocked || head === undefined || life.process.stoodStillMs > headSinceMs) return;
    violated(
      `liveness: ${what(head)} has no answer from node ${life.machine.id} since ${headSinceMs} ms`,
    );
  }

  requireAtLeast(stream: Conversation, zxid: number, least: number): void {
    if (zxid >= least) return;
    violated(`C-5: ${nameOf(stream)} is connected at ${zxid} and has named ${least}`);
  }

  sessionNews(stream: Conversation, state: 'expired' | 'moved'): void {
    if (state === 'moved') return;
    if (this.#commits.history.isLiveAt(stream.session, this.#commits.last)) {
      violated(`C-8: ${nameOf(stream)} is told that its session is over, and it is not`);
    }
  }

  #takeOnStream(life: Life, answer: CoordinatorAnswer): void {
    const stream = this.#streams.get(life)?.get(answer.stream);
    if (stream === undefined) return;
    this.#answered += 1;
    const client = this.#clients[stream.client - 1];
    client?.take(stream, answer);
  }

  #takeAlone(answer: CoordinatorAnswer): void {
    if (answer.type !== 'result' && answer.type !== 'error') return;
    const known = this.#alone.get(answer.id);
    if (known === undefined)
      violated(`an answer to request ${answer.id}, which is answered already`);
    this.#alone.delete(answer.id);
    this.#answered += 1;
    this.#clients[known.request.client - 1]?.takeAlone(known.request, answer);
  }

  #tagCommitted(tag: string, zxid: number, session: number): void {
    const request = this.#tagged.get(tag);
    if (request === undefined)
      violated(`I-1: ${tag} is committed at ${zxid} and nobody asked for it`);
    const { committedAt, outcome } = request;
    if (committedAt !== 0 && committedAt !== zxid) {
      violated(`C-2: ${what(request)} is committed at ${committedAt} and again at ${zxid}`);
    }
    if (outcome === 'not-applied') {
      violated(`C-7: ${what(request)} was said to be not applied and is committed at ${zxid}`);
    }
    request.committedAt = zxid;
    const newest = this.#commits.generationAt(session, zxid);
    this.sessions.committed(request, zxid, { session, newest });
  }
}

function textOf(answer: CoordinatorAnswer): string {
  const { type, stream } = answer;
  const zxid = 'zxid' in answer ? ` at ${answer.zxid}` : '';
  const id = 'id' in answer ? ` ${answer.id}` : '';
  const code = type === 'error' ? ` ${answer.error.code}` : '';
  return `${type}${id} on ${stream}${code}${zxid}`;
}
