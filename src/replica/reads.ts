/** Reads: answered from the local tree at one zxid, with the watch that some of them leave. */
import { CoordinationError } from '../protocol/errors.ts';
import { unreachable } from '../protocol/assert.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Identity, SessionId, Stat, ZnodePath } from '../protocol/model.ts';
import type {
  ChildrenOperation,
  EphemeralsOperation,
  EphemeralsResult,
  ExistsOperation,
  GetOperation,
  ReadOperation,
  Result,
  SessionInfoOperation,
  SessionInfoResult,
  StreamWatchMode,
  WatchOperation,
  WatchResult,
  WhoamiResult,
} from '../protocol/operations.ts';
import {
  readAcl,
  readChildren,
  readCount,
  readExists,
  readGet,
  readMulti,
  readTree,
} from '../tree/index.ts';
import type { Reader as TreeReader } from '../tree/index.ts';
import type { Core } from './core.ts';
import type { ResolvedCaller } from './caller.ts';
import type { EventDelivery } from './events.ts';
import type { SessionLife, Stream } from './stream.ts';

const nothing = {};

interface WatchLimit {
  /** Who has the watches. */
  readonly of: string;
  readonly name: 'watchesPerStreamMax' | 'watchesPerClientMax' | 'watchesMax';
}

const watchLimits = {
  stream: { of: 'connection', name: 'watchesPerStreamMax' },
  client: { of: 'client', name: 'watchesPerClientMax' },
  node: { of: 'node', name: 'watchesMax' },
} as const satisfies Record<string, WatchLimit>;

/** What only the deadlines know of a session. */
export interface SessionLives {
  /** The confirmed remaining life, milliseconds; 0 where nothing is confirmed. */
  expiresInMs(id: SessionId): number;
  /** A sign of life. */
  touchAlone(id: SessionId): void;
  /** True while a stream is known to be attached to it. */
  isAttached(id: SessionId): boolean;
}

export interface Reader {
  readonly caller: ResolvedCaller;
  readonly stream: Stream | undefined;
  /** What the leader has said of the session that is asked about. */
  readonly life?: SessionLife | undefined;
}

export class Reads {
  readonly #core: Core;
  readonly #events: EventDelivery;
  readonly #lives: SessionLives;
  /** The context of the last reader: consecutive reads of one caller share it. */
  #context: TreeReader;

  constructor(core: Core, events: EventDelivery, lives: SessionLives) {
    this.#core = core;
    this.#events = events;
    this.#lives = lives;
    this.#context = this.#contextFor([]);
  }

  /** @throws CoordinationError as the operation has it */
  execute(operation: ReadOperation, reader: Reader): Result {
    this.#core.counters.reads++;
    const { tree } = this.#core.state;
    switch (operation.type) {
      case 'get':
        return this.#get(operation, reader);
      case 'exists':
        return this.#exists(operation, reader);
      case 'children':
        return this.#children(operation, reader);
      case 'tree':
        return operation.count === true
          ? readCount(tree, operation, this.#contextOf(reader))
          : readTree(tree, operation, this.#contextOf(reader));
      case 'acl':
        return readAcl(tree, operation, this.#contextOf(reader));
      case 'multiRead':
        return readMulti(tree, operation, this.#contextOf(reader));
      case 'ephemerals':
        return this.#ephemerals(operation, reader);
      case 'sessionInfo':
        return this.#sessionInfo(operation, reader.life);
      case 'whoami':
        return whoami(reader.caller);
      case 'sync':
      case 'ping':
        return nothing;
      default:
        return unreachable(operation);
    }
  }

  /** Registers a watch on the stream. @throws CoordinationError */
  watch(operation: WatchOperation, reader: Reader): WatchResult {
    this.addWatch(reader.stream, operation.path, operation.mode);
    if (reader.stream !== undefined && operation.with !== undefined) {
      reader.stream.with = operation.with;
    }
    if (operation.initial !== true) return nothing;
    return { initial: this.#present(operation, reader) };
  }

  /** @throws CoordinationError BADARGUMENTS without a stream, QUOTAEXCEEDED at a limit */
  addWatch(stream: Stream | undefined, path: ZnodePath, mode: StreamWatchMode): void {
    if (stream === undefined) {
      throw new CoordinationError('BADARGUMENTS', 'watch: needs a stream, not a single request');
    }
    this.requireWatchRoom(stream, 1);
    this.#events.arm(stream, { path, mode });
  }

  /** @throws CoordinationError QUOTAEXCEEDED where `added` watches more are too many */
  requireWatchRoom(stream: Stream, added: number): void {
    const { watches, settings } = this.#core;
    const { watchesMax } = settings.limits;
    this.#requireRoom(added, watches.countOf(stream.id), watchLimits.stream);
    for (const client of watches.clients.clientsOf(stream.id)) {
      this.#requireRoom(added, watches.clients.heldBy(client), watchLimits.client);
    }
    // What ended streams still hold takes room too: as much of it is given back as is needed.
    watches.sweep(watches.count + watches.unswept + added - watchesMax);
    this.#requireRoom(added, watches.count, watchLimits.node);
  }

  #requireRoom(added: number, held: number, { of, name }: WatchLimit): void {
    const { counters, settings } = this.#core;
    if (held + added <= settings.limits[name]) return;
    counters.watchesRefused++;
    const more = added === 1 ? '' : ` and asks for ${added} more`;
    const allowed = limitText(settings.limits, name);
    const detail = `watch: this ${of} has ${held} watches${more}, beyond ${allowed}`;
    throw new CoordinationError('QUOTAEXCEEDED', detail);
  }

  #get(operation: GetOperation, reader: Reader): Result {
    const result = readGet(this.#core.state.tree, operation, this.#contextOf(reader));
    if (operation.watch === true) this.addWatch(reader.stream, operation.path, 'data');
    return result;
  }

  #exists(operation: ExistsOperation, reader: Reader): Result {
    const { tree } = this.#core.state;
    if (operation.watch !== true) return readExists(tree, operation, this.#contextOf(reader));
    // The watch of exists is left on a missing znode too; without READ on a present one it is not.
    if (tree.find(operation.path) === -1) {
      this.addWatch(reader.stream, operation.path, 'exists');
    }
    const result = readExists(tree, operation, this.#contextOf(reader));
    this.addWatch(reader.stream, operation.path, 'exists');
    return result;
  }

  #children(operation: ChildrenOperation, reader: Reader): Result {
    const result = readChildren(this.#core.state.tree, operation, this.#contextOf(reader));
    if (operation.watch === true) this.addWatch(reader.stream, operation.path, 'children');
    return result;
  }

  /** The state that an event stream starts from; a znode without READ is refused as a read is. */
  #present(
    operation: WatchOperation,
    reader: Reader,
  ): { path: ZnodePath; stat?: Stat; data?: Uint8Array } {
    const { path } = operation;
    const { tree } = this.#core.state;
    if (tree.find(path) === -1) return { path };
    const { stat, data } = readGet(tree, { type: 'get', path }, this.#contextOf(reader));
    return operation.with === 'data' ? { path, stat, data } : { path, stat };
  }

  #ephemerals(operation: EphemeralsOperation, reader: Reader): EphemeralsResult {
    const session = operation.session ?? reader.caller.session;
    if (session === 0) {
      throw new CoordinationError('SESSIONREQUIRED', 'ephemerals: the request has no session');
    }
    if (!this.#core.state.sessions.has(session)) throw sessionGone(session);
    const paths = this.#core.state.tree.ephemeralsOf(session);
    const prefix = operation.prefix ?? '/';
    return { paths: prefix === '/' ? paths : paths.filter((path) => path.startsWith(prefix)) };
  }

  #sessionInfo(operation: SessionInfoOperation, told: SessionLife | undefined): SessionInfoResult {
    const id = operation.session;
    const { sessions, tree } = this.#core.state;
    const record = sessions.get(id);
    if (record === undefined) throw sessionGone(id);
    if (operation.touch === true) this.#lives.touchAlone(id);
    return {
      id,
      timeoutMs: record.timeoutMs,
      expiresInMs: told?.expiresInMs ?? this.#lives.expiresInMs(id),
      ephemerals: tree.ephemeralCount(id),
      connected: told?.connected ?? this.#lives.isAttached(id),
    };
  }

  #contextOf(reader: Reader): TreeReader {
    const { identities } = reader.caller;
    if (this.#context.identities !== identities) this.#context = this.#contextFor(identities);
    return this.#context;
  }

  #contextFor(identities: readonly Identity[]): TreeReader {
    const { limits, superIdentity } = this.#core.settings;
    return { identities, superIdentity, limits };
  }
}

export function sessionGone(id: SessionId): CoordinationError {
  return new CoordinationError('SESSIONEXPIRED', `session ${String(id)} is not live`);
}

function whoami(caller: ResolvedCaller): WhoamiResult {
  const { identities, session } = caller;
  return session === 0 ? { identities } : { identities, session };
}
