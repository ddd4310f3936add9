/** Runs steps on Zoogate through REST and Server-Sent Events, taking turns among the forms of a request. */
import type { OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AclEntry } from '../../src/protocol/model.ts';
import {
  BasePath,
  longTimeouts,
  type Observation,
  type ObservedStat,
  type SessionTimeouts,
  type SlotEvents,
  type Target,
} from './observation.ts';
import { bytesOf, passwordOf, slots, type CreateMember, type Slot, type Step } from './program.ts';
import { encodePath, RestClient, type RestAnswer, type RestRequest } from './rest-client.ts';
import { RestWatches, type WatchMode } from './rest-watches.ts';
import {
  aclToJson,
  memberFields,
  problemToObservation,
  readStat,
  resultToObservation,
  type Json,
} from './zoogate-answers.ts';

/** How long an event that must come may take. */
const eventTimeoutMs = 3000;

interface SlotState {
  readonly id: string;
  readonly token: string;
  user: string | undefined;
  readonly watches: RestWatches;
}

const watchModeOf = { get: 'data', exists: 'exists', children: 'children' } as const;

export class RestTarget implements Target {
  readonly name = 'Zoogate by REST';
  readonly ordersEvents = false;
  readonly tellsKind = true;
  readonly #client: RestClient;
  readonly #timeouts: SessionTimeouts;
  #paths = new BasePath('/');
  #slots: SlotState[] = [];
  /** Counts requests, to take turns among the forms of one operation. */
  #turn = 0;

  constructor(port: number, timeouts = longTimeouts) {
    this.#client = new RestClient(port);
    this.#timeouts = timeouts;
  }

  async begin(base: string): Promise<readonly [string, string]> {
    this.#paths = new BasePath(base);
    const [first, second] = [await this.#open(0), await this.#open(1)];
    this.#slots = [first, second];
    const made = await this.#client.send({ method: 'PUT', path: `/znodes${encodePath(base)}` });
    if (made.status !== 201) throw new Error(`${this.name} refuses ${base}: ${made.status}`);
    return [first.id, second.id];
  }

  async execute(step: Step): Promise<Observation> {
    this.#turn++;
    switch (step.type) {
      case 'auth':
        return this.#auth(step.slot, step.user);
      case 'close':
        return this.#close(step.slot);
      case 'watch': {
        const opened = await this.#watch(step.slot, step.path, step.mode);
        if (!opened) throw new Error(`no watch on ${step.path}`);
        return { code: 0 };
      }
      case 'drop':
      case 'resume':
      case 'unwatch':
        throw new Error(`REST has no ${step.type}`);
      default:
        return this.#single(step);
    }
  }

  /** Nothing marks the end of the events of a change, so what is expected is awaited. */
  async collect(expected: SlotEvents): Promise<SlotEvents> {
    const deadline = performance.now() + eventTimeoutMs;
    const complete = (): boolean =>
      slots.every((slot) => this.#state(slot).watches.has(expected[slot]));
    while (!complete() && performance.now() < deadline) await delay(1);
    return [
      this.#state(0).watches.collect(expected[0]),
      this.#state(1).watches.collect(expected[1]),
    ];
  }

  /** Without requests a session falls silent by itself. */
  async abandon(slot: Slot): Promise<void> {
    this.#state(slot).watches.endAll();
  }

  async finish(): Promise<void> {
    for (const state of this.#slots) {
      state.watches.endAll();
      await this.#client.send({
        method: 'DELETE',
        path: `/sessions/${state.id}`,
        headers: { 'zk-session': state.token },
      });
    }
    this.#slots = [];
  }

  #state(slot: Slot): SlotState {
    const state = this.#slots[slot];
    if (state === undefined) throw new Error('begin comes first');
    return state;
  }

  async #open(slot: Slot): Promise<SlotState> {
    const answer = await this.#client.send({
      method: 'POST',
      path: '/sessions',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ timeoutMs: this.#timeouts[slot] })),
    });
    const json = parse(answer);
    return {
      id: String(json['id']),
      token: String(json['token']),
      user: undefined,
      watches: new RestWatches(),
    };
  }

  async #close(slot: Slot): Promise<Observation> {
    const state = this.#state(slot);
    state.watches.endAll();
    const path = `/sessions/${state.id}`;
    const headers = { 'zk-session': state.token };
    const answer = await this.#client.send({ method: 'DELETE', path, headers });
    if (answer.status !== 204) return problemToObservation(parse(answer));
    const again = await this.#client.send({ method: 'POST', path: `${path}/heartbeat`, headers });
    if (again.status !== 410) throw new Error(`a closed session lives: ${again.status}`);
    const opened = await this.#open(slot);
    this.#slots[slot] = opened;
    return { code: 0, zxid: Number(answer.headers['zk-zxid']), session: opened.id };
  }

  /** Only for new sessions: a stream keeps the identities that it was opened with. */
  async #auth(slot: Slot, user: string): Promise<Observation> {
    this.#state(slot).user = user;
    return { code: 0 };
  }

  #watch(slot: Slot, path: string, mode: WatchMode): Promise<boolean> {
    const url = `/watch${encodePath(this.#paths.absolute(path))}?mode=${mode}`;
    return this.#state(slot).watches.add({ path, mode }, (listener) =>
      this.#client.watch(url, this.#headers(slot), (event) => {
        listener({ ...event, path: this.#paths.relative(event.path) });
      }),
    );
  }

  #headers(slot: Slot): OutgoingHttpHeaders {
    const { token, user } = this.#state(slot);
    if (user === undefined) return { 'zk-session': token };
    const credentials = Buffer.from(`${user}:${passwordOf(user)}`).toString('base64');
    return { 'zk-session': token, authorization: `Basic ${credentials}` };
  }

  async #single(step: SingleStep): Promise<Observation> {
    const asked = this.#request(step);
    const headers = { ...this.#headers(step.slot), ...asked.headers };
    const answer = await this.#client.send({ ...asked, headers });
    const observation = this.#observe(step, answer);
    const { code } = observation;
    if (
      'watch' in step &&
      step.watch &&
      (code === 0 || (step.type === 'exists' && code === -101))
    ) {
      await this.#watch(step.slot, step.path, watchModeOf[step.type]);
    }
    return observation;
  }

  #observe(step: SingleStep, answer: RestAnswer): Observation {
    if (answer.status >= 400) return problemToObservation(parse(answer));
    const zxid = Number(answer.headers['zk-zxid']);
    if (step.type === 'delete') return { code: 0, zxid };
    if (step.type === 'sync') return { code: 0 };
    const raw = answer.headers['content-type']?.startsWith('application/octet-stream') === true;
    if (step.type === 'get' && raw) {
      return { code: 0, data: answer.body.toString('base64'), stat: statOfHeader(answer) };
    }
    return resultToObservation(step, { zxid, ...parse(answer) }, this.#paths);
  }

  #request(step: SingleStep): RestRequest {
    const path = 'path' in step ? encodePath(this.#paths.absolute(step.path)) : '';
    switch (step.type) {
      case 'create':
        // A header cannot say an empty list.
        return this.#turn % 2 === 0 || step.acl?.length === 0
          ? createByPost(step, path)
          : createByPut(step, path);
      case 'set':
        return {
          method: 'PUT',
          ...this.#conditional(`/znodes${path}`, step.version),
          body: bytesOf(step.data),
        };
      case 'delete':
        return { method: 'DELETE', ...this.#conditional(`/znodes${path}`, step.version) };
      case 'setAcl':
        return jsonRequest('PUT', `/acl${path}`, aclToJson(step.acl), ifMatch(step.version));
      case 'multi':
        return jsonRequest('POST', '/multi', { operations: this.#operations(step.members) });
      case 'multiRead':
        return jsonRequest('POST', '/multi-read', { operations: this.#reads(step.members) });
      case 'sync':
        return { method: 'POST', path: '/sync' };
      default:
        return { method: 'GET', ...this.#read(step, path) };
    }
  }

  #read(step: ReadStep, path: string): { path: string; headers?: OutgoingHttpHeaders } {
    switch (step.type) {
      case 'get':
        return this.#turn % 2 === 0
          ? { path: `/znodes${path}` }
          : { path: `/znodes${path}`, headers: { accept: 'application/json' } };
      case 'exists':
        return { path: `/stat${path}` };
      case 'children':
      case 'acl':
        return { path: `/${step.type}${path}` };
      case 'count':
        return { path: `/tree${path}?count` };
      case 'ephemerals':
        return { path: `/sessions/${this.#state(step.slot).id}/ephemerals` };
      case 'whoami':
        return { path: '/whoami' };
    }
  }

  /** The condition as a header or, in turns, as a parameter. */
  #conditional(path: string, version: number): { path: string; headers?: OutgoingHttpHeaders } {
    return this.#turn % 2 === 0
      ? { path: `${path}?version=${version}` }
      : { path, headers: { 'if-match': version === -1 ? '*' : `"${version}"` } };
  }

  #operations(members: (Step & { type: 'multi' })['members']): Json[] {
    return members.map((member) => ({
      op: member.type,
      path: this.#paths.absolute(member.path),
      ...memberFields(member),
    }));
  }

  #reads(members: (Step & { type: 'multiRead' })['members']): Json[] {
    return members.map(({ type, path }) => ({ op: type, path: this.#paths.absolute(path) }));
  }
}

type SingleStep = Exclude<
  Step,
  { type: 'auth' | 'close' | 'drop' | 'resume' | 'watch' | 'unwatch' }
>;
type ReadStep = Extract<
  SingleStep,
  { type: 'get' | 'exists' | 'children' | 'acl' | 'count' | 'ephemerals' | 'whoami' }
>;

const parse = (answer: RestAnswer): Json => JSON.parse(answer.body.toString()) as Json;

const ifMatch = (version: number): OutgoingHttpHeaders =>
  version === -1 ? {} : { 'if-match': `"${version}"` };

function jsonRequest(
  method: 'PUT' | 'POST',
  path: string,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): RestRequest {
  return {
    method,
    path,
    headers: { ...headers, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
}

const createByPost = (step: CreateMember, path: string): RestRequest =>
  jsonRequest('POST', `/znodes${path}`, memberFields(step));

function createByPut(step: CreateMember, path: string): RestRequest {
  const flags = [
    ...(step.kind === 'ephemeral' || step.kind === 'container' ? [step.kind] : []),
    ...(step.kind === 'ttl' ? [`ttl=${step.ttlMs ?? 0}ms`] : []),
    ...(step.sequential ? ['sequential=true'] : []),
  ];
  const query = flags.length === 0 ? '' : `?${flags.join('&')}`;
  return {
    method: 'PUT',
    path: `/znodes${path}${query}`,
    headers: { 'if-none-match': '*', ...aclHeader(step.acl) },
    body: bytesOf(step.data),
  };
}

function aclHeader(acl: readonly AclEntry[] | undefined): OutgoingHttpHeaders {
  if (acl === undefined) return {};
  const entries = aclToJson(acl).map(
    ({ scheme, id, perms }) => `${String(scheme)}:${String(id)}:${String(perms)}`,
  );
  return { 'zk-acl': entries.join(', ') };
}

const headerNames = {
  'ephemeral-owner': 'ephemeralOwner',
  'data-length': 'dataLength',
  'num-children': 'numChildren',
} as const;

/** `Zk-Stat` is a dictionary of RFC 9651 with bare items. */
function statOfHeader(answer: RestAnswer): ObservedStat {
  const pairs = String(answer.headers['zk-stat'])
    .split(', ')
    .map((pair): [string, string | number] => {
      const [name = '', value = ''] = pair.split('=');
      const known = headerNames[name as keyof typeof headerNames] as string | undefined;
      return [known ?? name, /^-?\d+$/.test(value) ? Number(value) : value];
    });
  return readStat(Object.fromEntries(pairs));
}
