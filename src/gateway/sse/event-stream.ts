/** One open event stream: the coordinator's answers in, text out, at the pace of its reader. */
import type { ServerResponse } from 'node:http';
import { CoordinationError } from '../../protocol/errors.ts';
import type { Identity, SessionId, WatchMode, Zxid, ZnodePath } from '../../protocol/model.ts';
import type { WatchOperation, WatchResult } from '../../protocol/operations.ts';
import type {
  CoordinatorAnswer,
  ErrorAnswer,
  EventsAnswer,
  ResultAnswer,
  SessionAnswer,
  GoneAnswer,
} from '../coordinator.ts';
import { connectionOf } from '../connections/index.ts';
import { shuttingDown } from '../rest/shutdown.ts';
import { RequestRefused } from '../router.ts';
import type { CoordinatorRouter, StreamHandle, StreamMessage } from '../router.ts';
import { clientsOf } from '../common/clients.ts';
import type { DataEncoding } from '../common/data.ts';
import { Outlet } from '../common/outlet.ts';
import type { Sink } from '../common/outlet.ts';
import type { UnreadStreams } from '../common/unread-streams.ts';
import { sessionFailure } from '../common/sessions.ts';
import {
  bookmarkFrame,
  eventsFrame,
  eventsFrom,
  goneFrame,
  probeFrame,
  sessionFrame,
  stateFrame,
  streamHead,
} from './frames.ts';
import type { Frames } from './frames.ts';
import type { StreamPosition } from './position.ts';

const watchRequest = 1;
/** The question whether the znode exists comes right after the watch; a resumed stream may need both twice. */
const requestsPerWatch = 2;
const firstBookmarkRequest = watchRequest + 2 * requestsPerWatch;

export interface EventStreamOptions {
  readonly router: CoordinatorRouter;
  readonly response: ServerResponse;
  readonly identities: readonly Identity[];
  /** Of the request; its end ends the stream. */
  readonly session: SessionId | undefined;
  readonly path: ZnodePath;
  readonly mode: WatchMode;
  readonly position: StreamPosition;
  readonly initial: boolean;
  readonly with: 'stat' | 'data' | undefined;
  readonly encoding: DataEncoding | undefined;
  readonly minZxid: Zxid | undefined;
  readonly minZxidWaitMs: number | undefined;
  /** Unsent bytes above which events wait in the ring. */
  readonly highWaterBytes: number;
  readonly unread: UnreadStreams;
  /** Pace of signs of life to a client of which nothing can be heard, milliseconds. */
  readonly probeMs: number;
  /** Writes status and headers; called once, before anything else is written. */
  readonly writeHead: (zxid: Zxid) => void;
  /** The stream has ended; called once. */
  readonly onEnd: () => void;
}

type State = 'starting' | 'open' | 'ended';

type Loss = Pick<GoneAnswer, 'oldestZxid' | 'currentZxid'>;

export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #oneShot: boolean;
  readonly handle: StreamHandle;
  readonly #outlet: Outlet;
  #state: State = 'starting';
  /** Settles what `begin` gave. */
  #begun: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #watched: ResultAnswer | undefined;
  /** Of the newest watch; answers to older requests count for nothing. */
  #watchRequest = watchRequest;
  #position: StreamPosition;
  /** What a client that resumes has lost, known before the head is written. */
  #lost: Loss | undefined;
  /** Events wait in the ring. */
  #blocked = false;
  #nextRequest = firstBookmarkRequest;
  #bookmarkUnderWay = false;
  /** Of a client of which nothing can be heard: ends the wait for the head, and then sends signs of life. */
  #probes: NodeJS.Timeout | undefined;

  /** @throws CoordinationError THROTTLEDOP when the node has as many streams as it may */
  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#position = options.position;
    const { mode, response, highWaterBytes, unread, identities } = options;
    this.#oneShot = mode === 'data' || mode === 'exists' || mode === 'children';
    const sink = {
      answers: (batch: readonly CoordinatorAnswer[]) =>
        batch.forEach((answer) => this.#take(answer)),
    };
    this.handle = options.router.openStream(options.identities, sink, options.session);
    this.#outlet = new Outlet({
      ...{ sink: sinkOf(response), highWaterBytes, unread, clients: clientsOf(identities) },
      owner: { progressed: () => undefined, drained: () => this.#drained() },
    });
    response.on('close', () => this.end());
  }

  /**
   * Sets the watch; the answer may come, and end the stream, before this returns.
   * @returns what resolves when the head is written and rejects with what refuses the stream
   */
  begin(): Promise<void> {
    const begun = new Promise<void>((resolve, reject) => (this.#begun = { resolve, reject }));
    this.#connection?.whenUnheard(() => this.#hasten());
    this.handle.send(this.#firstRequests());
    return begun;
  }

  /** A request whose answer becomes a bookmark; undefined while the reader is behind anyway. */
  bookmark(): StreamMessage | undefined {
    if (this.#state !== 'open' || this.#blocked || this.#bookmarkUnderWay) return undefined;
    this.#bookmarkUnderWay = true;
    return { type: 'request', id: this.#nextRequest++, operation: { type: 'ping' } };
  }

  /** Ends the response; may be called again. Before the head is written it is a refusal. */
  end(): void {
    if (this.#state === 'starting' && !this.#options.response.destroyed) {
      this.#refuse(shuttingDown());
      return;
    }
    const { response } = this.#options;
    const connection = this.#connection;
    if (!this.#leave()) return;
    this.#outlet.flush();
    response.end();
    // What is left unread is from now on an answer like any other.
    if (connection === undefined || response.writableLength === 0) return;
    connection.isStream = false;
    connection.answered();
  }

  get #connection() {
    return connectionOf(this.#options.response.socket);
  }

  #firstRequests(): StreamMessage[] {
    const { path, mode, minZxid, minZxidWaitMs } = this.#options;
    const { from, resumes } = this.#position;
    const initial = this.#options.initial && (!resumes || this.#lost !== undefined);
    const operation: WatchOperation = {
      ...{ type: 'watch', path, mode },
      ...(from !== undefined && { from }),
      ...(initial && { initial }),
      ...(this.#options.with !== undefined && { with: this.#options.with }),
    };
    const watch: StreamMessage = {
      ...{ type: 'request', id: this.#watchRequest, operation },
      ...(minZxid !== undefined && { minZxid }),
      ...(minZxidWaitMs !== undefined && { minZxidWaitMs }),
    };
    if (!this.#oneShot) return [watch];
    // ZooKeeper leaves these watches with a read, which is what says whether the znode is there to watch.
    const id = this.#existsRequest;
    return [watch, { type: 'request', id, operation: { type: 'exists', path } }];
  }

  get #existsRequest(): number {
    return this.#watchRequest + 1;
  }

  #take(answer: CoordinatorAnswer): void {
    if (this.#state === 'ended') return;
    switch (answer.type) {
      case 'result':
        this.#takeResult(answer);
        return;
      case 'error':
        this.#takeError(answer);
        return;
      case 'events':
        this.#takeEvents(answer);
        return;
      case 'gone': {
        const { oldestZxid, currentZxid } = answer;
        if (this.#state === 'open') this.#write(goneFrame(answer));
        const detail = `events after ${oldestZxid} are kept, older ones are gone`;
        this.#refuse(new CoordinationError('EVENTSGONE', detail, { oldestZxid, currentZxid }));
        return;
      }
      case 'session':
        this.#takeSession(answer);
        return;
      case 'change':
        // No change watch belongs to this stream.
        return;
    }
  }

  /** The session that came with the request is over, or the node has no leader: the stream ends with the news. */
  #takeSession({ state }: SessionAnswer): void {
    const failure = sessionFailure(state);
    if (failure === undefined) return;
    if (this.#state === 'open')
      this.#write(sessionFrame(state === 'expired' ? state : 'suspended'));
    this.#refuse(failure);
  }

  #takeResult(answer: ResultAnswer): void {
    if (answer.id < this.#watchRequest) return;
    if (answer.id === this.#watchRequest) {
      this.#watched = answer;
      if (!this.#oneShot) this.#start(answer);
    } else if (answer.id === this.#existsRequest) {
      this.#start(this.#watched ?? answer);
    } else {
      this.#bookmarkUnderWay = false;
      this.#write(bookmarkFrame(answer.zxid));
    }
  }

  #takeError(answer: ErrorAnswer): void {
    if (answer.id < this.#watchRequest) return;
    const { mode } = this.#options;
    const { code, oldestZxid, currentZxid } = answer.error;
    if (code === 'EVENTSGONE' && this.#position.resumes && this.#lost === undefined) {
      this.#goOn({ oldestZxid: oldestZxid ?? 0, currentZxid: currentZxid ?? answer.zxid });
      return;
    }
    if (answer.id === this.#existsRequest && mode === 'exists' && answer.error.code === 'NONODE') {
      this.#start(this.#watched ?? answer);
      return;
    }
    this.#refuse(new RequestRefused(answer));
  }

  /** Watches anew from now on; what has been lost is told as soon as that watch is set. */
  #goOn(lost: Loss): void {
    this.#lost = lost;
    this.#position = { from: lost.currentZxid, resumes: true };
    this.#watchRequest += requestsPerWatch;
    this.handle.send(this.#firstRequests());
  }

  #takeEvents(answer: EventsAnswer): void {
    // The event of a one-shot watch may come before the answer to the question whether there is a znode.
    this.#start(this.#watched ?? answer);
    const { encoding } = this.#options;
    const { received: last } = this.#position;
    const received = last?.zxid === answer.zxid ? last : undefined;
    if (received === undefined) this.#write(eventsFrame(answer, encoding));
    else this.#write(eventsFrom(answer, received.index + 1, encoding));
    if (this.#oneShot) this.end();
  }

  #start(at: { readonly zxid: Zxid }): void {
    if (this.#state !== 'starting') return;
    const { writeHead, encoding } = this.#options;
    this.#state = 'open';
    writeHead(at.zxid);
    this.#write(streamHead);
    if (this.#lost !== undefined) this.#write(goneFrame(this.#lost));
    clearTimeout(this.#probes);
    this.#connection?.whenUnheard(() => this.#probeOn());
    const { initial } = (this.#watched?.result ?? {}) as WatchResult;
    if (initial !== undefined) {
      const asked = this.#options.with;
      const resume = Math.min(this.#position.from ?? at.zxid, at.zxid);
      this.#write(stateFrame({ initial, zxid: at.zxid, resume, with: asked, encoding }));
    }
    this.#begun?.resolve();
    // The first bookmark gives a client without any event a place to resume from.
    const bookmark = this.bookmark();
    if (bookmark !== undefined) this.handle.send([bookmark]);
  }

  /** Before the head is written the refusal is the answer; afterwards there is nothing but the end. */
  #refuse(error: Error): void {
    if (this.#state === 'open') {
      this.end();
      return;
    }
    if (this.#leave()) this.#begun?.reject(error);
  }

  /** Gives the stream up, whoever began it; false when that was done before. */
  #leave(): boolean {
    if (this.#state === 'ended') return false;
    const starting = this.#state === 'starting';
    this.#state = 'ended';
    clearInterval(this.#probes);
    this.#outlet.end();
    this.handle.close();
    this.#options.onEnd();
    // Nobody is left to be answered when the client went away first.
    if (starting && this.#options.response.destroyed) this.#begun?.resolve();
    return true;
  }

  /** Nothing is written before the head, so that nobody can tell whether the client waits for it. */
  #hasten(): void {
    this.#probes = setTimeout(() => {
      const detail = 'the stream has not begun, and its client has closed its sending side';
      if (this.#state === 'starting') this.#refuse(new CoordinationError('BEHIND', detail));
    }, this.#options.probeMs);
  }

  /**
   * A client that has closed its sending side may still read, or be gone: the first write makes the system of
   * one that is gone say so, and the next one fails.
   */
  #probeOn(): void {
    const probe = (): void => {
      if (!this.#blocked) this.#write(probeFrame);
    };
    this.#probes = setInterval(probe, this.#options.probeMs);
    probe();
  }

  #write(text: string | Frames): void {
    if (typeof text === 'string') this.#outlet.sendEvents(text);
    else for (const bytes of text) this.#outlet.sendEvents(bytes);
    if (this.#blocked || !this.#outlet.isFull) return;
    this.#blocked = true;
    this.handle.send([{ type: 'flow', ready: false }]);
  }

  #drained(): void {
    if (!this.#blocked || this.#state === 'ended') return;
    this.#blocked = false;
    this.handle.send([{ type: 'flow', ready: true }]);
  }
}

/**
 * Whether a `drain` is to come only the socket knows: where requests wait behind the stream, Node does not tell
 * the response that its socket has room again.
 */
function sinkOf(response: ServerResponse): Sink {
  return {
    write: (frames) => response.write(frames),
    once: (event, listener) => response.once(event, listener),
    get writableLength() {
      return response.writableLength;
    },
    get writableNeedDrain() {
      return response.socket?.writableNeedDrain === true;
    },
  };
}
