/**
 * The one listener of the coordinator. It gives out stream ids and the ids of stand-alone requests,
 * hands each answer to whom it belongs, and keeps the order of the coordinator's batches.
 */
import { assert } from '../protocol/assert.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { Identity, SessionId, Zxid } from '../protocol/model.ts';
import { clientsOf } from './common/clients.ts';
import type { Client } from './common/clients.ts';
import type { Share } from './common/shares.ts';
import { noStream } from './coordinator.ts';
import type {
  Caller,
  CloseMessage,
  Coordinator,
  CoordinatorAnswer,
  CoordinatorStatus,
  ErrorAnswer,
  FlowMessage,
  RequestMessage,
  ResultAnswer,
  StreamId,
  TouchMessage,
} from './coordinator.ts';

/** A request that stands alone, before the router has numbered it. */
export type StandaloneRequest = Omit<RequestMessage, 'type' | 'stream' | 'id' | 'caller'> & {
  readonly caller: Caller;
};

/** What `request` fills in, field by field, since every request passes here. */
type Draft = { -readonly [Field in keyof RequestMessage]: RequestMessage[Field] };

/** What a stream may send, before the router has put its number on it. */
export type StreamMessage =
  | Omit<RequestMessage, 'stream' | 'caller'>
  | Omit<FlowMessage, 'stream'>
  | Omit<TouchMessage, 'stream'>;

/** Takes the answers of one stream, those of one coordinator batch in one call, in order. */
export interface StreamSink {
  answers(batch: readonly CoordinatorAnswer[]): void;
}

export interface StreamHandle {
  readonly id: StreamId;
  /** In order; a batch is handed over as one. Does nothing once the stream is closed. */
  send(messages: readonly StreamMessage[]): void;
  /** Ends the stream; nothing reaches its sink afterwards. May be called again. */
  close(): void;
}

/** A refusal by the coordinator: the error together with what its answer says about the node's state. */
export class RequestRefused extends CoordinationError {
  readonly zxid: Zxid;
  readonly expiresInMs: number | undefined;
  readonly readOnly: true | undefined;

  constructor(answer: ErrorAnswer) {
    const { code, detail, ...fields } = answer.error;
    super(code, detail, fields);
    this.name = 'RequestRefused';
    this.zxid = answer.zxid;
    this.expiresInMs = answer.expiresInMs;
    this.readOnly = answer.readOnly;
  }
}

interface Waiter {
  readonly resolve: (answer: ResultAnswer) => void;
  readonly reject: (error: RequestRefused) => void;
}

interface OpenStream {
  readonly sink: StreamSink;
  readonly clients: readonly Client[];
}

export interface RouterOptions {
  /** What streams are taken from. */
  readonly streams: Share;
}

export class CoordinatorRouter {
  readonly #coordinator: Coordinator;
  readonly #streams: Share;
  readonly #waiters = new Map<number, Waiter>();
  readonly #sinks = new Map<StreamId, OpenStream>();
  #nextRequestId = 1;
  #nextStreamId = 1;

  constructor(coordinator: Coordinator, options: RouterOptions) {
    this.#coordinator = coordinator;
    this.#streams = options.streams;
    coordinator.listen((answers) => this.#dispatch(answers));
  }

  get coordinator(): Coordinator {
    return this.#coordinator;
  }

  /** Streams that are open now. */
  get streamCount(): number {
    return this.#sinks.size;
  }

  status(): CoordinatorStatus {
    return this.#coordinator.status();
  }

  /**
   * Sends a request that stands alone, at once: to collect those of one turn of the event loop was tried
   * and costs more than it saves.
   * @throws RequestRefused (by rejection) when the coordinator answers with an error
   */
  request(request: StandaloneRequest): Promise<ResultAnswer> {
    const id = this.#nextRequestId++;
    const { operation, caller, consistency, minZxid, minZxidWaitMs, acks, idempotency } = request;
    const message: Draft = { type: 'request', stream: noStream, id, operation, caller };
    if (consistency !== undefined) message.consistency = consistency;
    if (minZxid !== undefined) message.minZxid = minZxid;
    if (minZxidWaitMs !== undefined) message.minZxidWaitMs = minZxidWaitMs;
    if (acks !== undefined) message.acks = acks;
    if (idempotency !== undefined) message.idempotency = idempotency;
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject });
      this.#coordinator.submit([message]);
    });
  }

  /** The same for a client that may go away meanwhile: `cancel` ends a wait for a zxid, with a refusal. */
  cancellable(request: StandaloneRequest): {
    readonly answer: Promise<ResultAnswer>;
    readonly cancel: () => void;
  } {
    const id = this.#nextRequestId;
    const answer = this.request(request);
    const cancel = (): void => {
      if (this.#waiters.has(id)) this.#coordinator.submit([{ type: 'cancel', id }]);
    };
    return { answer, cancel };
  }

  /**
   * Opens an ordered stream for a caller who proves `identities`. It counts as one of theirs until it is
   * closed; what it proves later is no reason to count it again.
   * @param session of the request that opens it: its end ends the stream
   * @throws CoordinationError THROTTLEDOP when the caller or the node has as many streams as they may
   */
  openStream(identities: readonly Identity[], sink: StreamSink, session?: SessionId): StreamHandle {
    const clients = clientsOf(identities);
    const refusal = this.#streams.take(clients);
    if (refusal !== undefined) throw refusal;
    const id = this.#nextStreamId++;
    this.#sinks.set(id, { sink, clients });
    const open = { type: 'open', stream: id, identities, clients } as const;
    this.#coordinator.submit([session === undefined ? open : { ...open, session }]);
    return {
      id,
      send: (messages) => {
        if (this.#sinks.has(id)) this.#send(id, messages);
      },
      close: () => this.#close(id),
    };
  }

  /** Sends one message for each of many streams as one batch. */
  sendAll(messages: readonly (readonly [StreamHandle, StreamMessage])[]): void {
    const batch = messages
      .filter(([handle]) => this.#sinks.has(handle.id))
      .map(([handle, message]) => ({ ...message, stream: handle.id }));
    if (batch.length > 0) this.#coordinator.submit(batch);
  }

  #send(stream: StreamId, messages: readonly StreamMessage[]): void {
    this.#coordinator.submit(messages.map((message) => ({ ...message, stream })));
  }

  #close(stream: StreamId): void {
    const open = this.#sinks.get(stream);
    if (open === undefined) return;
    this.#sinks.delete(stream);
    this.#streams.give(open.clients);
    const message: CloseMessage = { type: 'close', stream };
    this.#coordinator.submit([message]);
  }

  #dispatch(answers: readonly CoordinatorAnswer[]): void {
    let perStream: Map<StreamId, CoordinatorAnswer[]> | undefined;
    for (const answer of answers) {
      if (answer.stream === noStream) {
        this.#settle(answer);
        continue;
      }
      perStream ??= new Map();
      const batch = perStream.get(answer.stream);
      if (batch === undefined) perStream.set(answer.stream, [answer]);
      else batch.push(answer);
    }
    if (perStream === undefined) return;
    // A stream that was closed while its answers were under way has no sink any more.
    for (const [stream, batch] of perStream) this.#sinks.get(stream)?.sink.answers(batch);
  }

  #settle(answer: CoordinatorAnswer): void {
    assert(
      answer.type === 'result' || answer.type === 'error',
      `a stand-alone request was answered with ${answer.type}`,
    );
    const waiter = this.#waiters.get(answer.id);
    assert(waiter !== undefined, `nobody waits for answer ${answer.id}`);
    this.#waiters.delete(answer.id);
    if (answer.type === 'result') waiter.resolve(answer);
    else waiter.reject(new RequestRefused(answer));
  }
}
