/** Runs steps on Zoogate through its WebSocket. */
import {
  BasePath,
  longTimeouts,
  type Observation,
  type ObservedEvent,
  type SessionTimeouts,
  type SlotEvents,
  type Target,
} from './observation.ts';
import { passwordOf, slots, type Slot, type Step } from './program.ts';
import { WatchBook } from './watch-book.ts';
import { WebSocketClient, type Answer } from './websocket-client.ts';
import {
  aclToJson,
  memberFields,
  problemToObservation,
  resultToObservation,
  versionToJson,
  type Json,
} from './zoogate-answers.ts';

const NOWATCHER = -121;

interface SlotState {
  client: WebSocketClient;
  session: string;
  token: string;
  watches: WatchBook;
  users: string[];
  events: StreamedEvent[];
}

type StreamedEvent = ObservedEvent & { readonly zxid: number };

export class WebSocketTarget implements Target {
  readonly name = 'Zoogate by WebSocket';
  readonly ordersEvents = true;
  readonly tellsKind = true;
  readonly #port: number;
  readonly #timeouts: SessionTimeouts;
  #paths = new BasePath('/');
  #slots: SlotState[] = [];
  /** Who acted last, and how many events it had when it was answered, with which zxid. */
  #answered: { state: SlotState; events: number; zxid: number } | undefined;

  constructor(port: number, timeouts = longTimeouts) {
    this.#port = port;
    this.#timeouts = timeouts;
  }

  async begin(base: string): Promise<readonly [string, string]> {
    this.#paths = new BasePath(base);
    const [first, second] = [await this.#open(0), await this.#open(1)];
    this.#slots = [first, second];
    const made = await first.client.request({ type: 'create', path: base });
    if (!made.ok) throw new Error(`${this.name} refuses ${base}: ${JSON.stringify(made.problem)}`);
    return [first.session, second.session];
  }

  async execute(step: Step): Promise<Observation> {
    switch (step.type) {
      case 'auth':
        return this.#auth(step.slot, step.user);
      case 'close':
        return this.#close(step.slot);
      case 'drop':
        await this.#state(step.slot).client.drop();
        return { code: 0 };
      case 'resume':
        return this.#resume(step.slot);
      case 'unwatch':
        return this.#unwatch(step);
      default:
        return this.#single(step);
    }
  }

  async collect(): Promise<SlotEvents> {
    await Promise.all(
      this.#slots.map(async ({ client }) => {
        if (!client.closed) await client.request({ type: 'exists', path: '/' });
      }),
    );
    this.#markLate();
    return [this.#take(0), this.#take(1)];
  }

  abandon(slot: Slot): Promise<void> {
    return this.#state(slot).client.drop();
  }

  async finish(): Promise<void> {
    for (const slot of slots) {
      const client = this.#slots[slot]?.client;
      if (client === undefined) continue;
      // One that was abandoned may have expired.
      if (client.closed && (await this.#resume(slot)).code !== 0) continue;
      await this.#state(slot).client.request({ type: 'close' });
      await this.#state(slot).client.drop();
    }
    this.#slots = [];
  }

  /**
   * An event must stand before any answer with its zxid or a later one; one behind it gets a mark. What the
   * service does by itself after the answer, an end of a container for example, has a later zxid.
   */
  #markLate(): void {
    const answered = this.#answered;
    if (answered === undefined) return;
    const after = answered.state.events.splice(answered.events);
    for (const event of after) {
      const isLate = event.zxid <= answered.zxid;
      const type = isLate ? `${event.type} after the answer` : event.type;
      answered.state.events.push({ ...event, type });
    }
    this.#answered = undefined;
  }

  #state(slot: Slot): SlotState {
    const state = this.#slots[slot];
    if (state === undefined) throw new Error('begin comes first');
    return state;
  }

  #take(slot: Slot): ObservedEvent[] {
    const state = this.#state(slot);
    const events = state.events.map(({ type, path }) => ({ type, path }));
    state.events = [];
    return events;
  }

  #connect(state: Pick<SlotState, 'events' | 'watches'>): Promise<WebSocketClient> {
    return WebSocketClient.open(this.#port, ({ zxid, events }) => {
      for (const { type, path } of events) {
        const shown = { type, path: this.#paths.relative(path) };
        state.events.push({ ...shown, zxid });
        state.watches.consume(shown);
      }
    });
  }

  async #open(slot: Slot): Promise<SlotState> {
    const state = { watches: new WatchBook(), users: [], events: [] };
    const client = await this.#connect(state);
    const answer = await client.request({
      type: 'connect',
      session: 'new',
      timeoutMs: this.#timeouts[slot],
    });
    if (!answer.ok) throw new Error(`no session: ${JSON.stringify(answer.problem)}`);
    const session = answer.json['session'] as Json;
    // The listener of events holds on to this very object.
    return Object.assign(state, {
      client,
      session: String(session['id']),
      token: String(session['token']),
    });
  }

  async #close(slot: Slot): Promise<Observation> {
    const { client, token } = this.#state(slot);
    const closed = await client.request({ type: 'close' });
    await client.drop();
    if (!closed.ok) return problemToObservation(closed.problem);
    const again = await WebSocketClient.open(this.#port, () => undefined);
    const resumed = await again.request({ type: 'connect', session: token });
    await again.drop();
    if (resumed.ok || resumed.problem['code'] !== 'SESSIONEXPIRED') {
      throw new Error(`a closed session was resumed: ${JSON.stringify(resumed)}`);
    }
    const opened = await this.#open(slot);
    this.#slots[slot] = opened;
    return { code: 0, zxid: Number(closed.json['zxid']), session: opened.session };
  }

  async #resume(slot: Slot): Promise<Observation> {
    const state = this.#state(slot);
    const resumeFrom = state.client.zxid;
    state.client = await this.#connect(state);
    const answer = await state.client.request({
      type: 'connect',
      session: state.token,
      timeoutMs: this.#timeouts[slot],
      auth: state.users.map(credential),
      watches: this.#watches(state.watches),
      resumeFrom,
    });
    return answer.ok ? { code: 0 } : problemToObservation(answer.problem);
  }

  #watches(book: WatchBook): Json[] {
    const sets = book.sets();
    const named = (paths: readonly string[], mode: string): Json[] =>
      paths.map((path) => ({ path: this.#paths.absolute(path), mode }));
    return [
      ...named(sets.data, 'data'),
      ...named(sets.exists, 'exists'),
      ...named(sets.children, 'children'),
      ...named(sets.persistent, 'persistent'),
      ...named(sets.recursive, 'persistent-recursive'),
    ];
  }

  async #auth(slot: Slot, user: string): Promise<Observation> {
    const state = this.#state(slot);
    const answer = await state.client.request({ type: 'auth', ...credential(user) });
    if (!answer.ok) return problemToObservation(answer.problem);
    state.users.push(user);
    return { code: 0 };
  }

  /** ZooKeeper keeps watches of `get` and `exists` in one table and removes them together. */
  async #unwatch(step: Step & { type: 'unwatch' }): Promise<Observation> {
    const { client, watches } = this.#state(step.slot);
    const path = this.#paths.absolute(step.path);
    const modes = { any: [{}], children: [{ mode: 'children' }], data: dataModes }[step.kind];
    const answers: Answer[] = [];
    for (const mode of modes)
      answers.push(await client.request({ type: 'unwatch', path, ...mode }));
    if (answers.some((answer) => answer.ok)) {
      watches.remove(step.kind, step.path);
      return { code: 0 };
    }
    const wrong = answers.find((answer) => !answer.ok && answer.problem['code'] !== 'NOWATCHER');
    if (wrong === undefined || wrong.ok) return { code: NOWATCHER };
    return problemToObservation(wrong.problem);
  }

  async #single(step: SingleStep): Promise<Observation> {
    const state = this.#state(step.slot);
    const { client, watches } = state;
    const answer = await client.request(this.#message(step));
    const zxid = answer.ok ? Number(answer.json['zxid']) : answer.zxid;
    this.#answered = { state, events: state.events.length, zxid };
    const observation = answer.ok
      ? resultToObservation(step, answer.json, this.#paths)
      : problemToObservation(answer.problem);
    if ('watch' in step && step.watch) watches.read(step.type, step.path, observation.code);
    if (answer.ok && step.type === 'watch') watches.add(step.mode, step.path);
    return observation;
  }

  #message(step: SingleStep): Json {
    const path = 'path' in step ? { path: this.#paths.absolute(step.path) } : {};
    const plain = { type: step.type, ...path };
    if ('watch' in step) return { ...plain, watch: step.watch };
    switch (step.type) {
      case 'create':
      case 'set':
      case 'delete':
        return { ...plain, ...memberFields(step) };
      case 'setAcl':
        return { ...plain, acl: aclToJson(step.acl), ...versionToJson(step.version) };
      case 'multi':
      case 'multiRead':
        return { ...plain, operations: this.#operations(step) };
      case 'count':
        return { type: 'tree', ...path, count: true };
      case 'ephemerals':
        return { ...plain, prefix: this.#paths.absolute(step.prefix) };
      case 'watch':
        return { ...plain, mode: step.mode };
      default:
        return plain;
    }
  }

  #operations(step: Step & { type: 'multi' | 'multiRead' }): Json[] {
    if (step.type === 'multiRead') {
      return step.members.map(({ type, path }) => ({ op: type, path: this.#paths.absolute(path) }));
    }
    return step.members.map((member) => ({
      op: member.type,
      path: this.#paths.absolute(member.path),
      ...memberFields(member),
    }));
  }
}

type SingleStep = Exclude<Step, { type: 'auth' | 'close' | 'drop' | 'resume' | 'unwatch' }>;

const dataModes = [{ mode: 'data' }, { mode: 'exists' }];

const credential = (user: string): Json => ({
  scheme: 'digest',
  credential: `${user}:${passwordOf(user)}`,
});
