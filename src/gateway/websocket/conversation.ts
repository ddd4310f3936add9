/**
 * What is said on one connection, in order: messages of the client become requests of its stream, the
 * coordinator's answers become messages to the client, and a fault of the client takes its turn among them.
 */
import { assert } from '../../protocol/assert.ts';
import { CoordinationError } from '../../protocol/errors.ts';
import type { ErrorBody } from '../../protocol/errors.ts';
import type { Identity, SessionId, Zxid } from '../../protocol/model.ts';
import type { AttachResult, Operation } from '../../protocol/operations.ts';
import { closeCodes } from '../../protocol/websocket/server.ts';
import type { CloseCode } from '../../protocol/websocket/server.ts';
import type { CoordinatorAnswer, ErrorAnswer, ResultAnswer, StreamId } from '../coordinator.ts';
import type { StreamHandle, StreamSink } from '../router.ts';
import { credentialIdentities, joinIdentities } from '../common/identities.ts';
import { attachOperation } from './connect.ts';
import type { ConnectMessage } from './connect.ts';
import { encodeIdentities, encodeNothing, encodeWith } from './encode.ts';
import type { Encoder } from './encode.ts';
import { eventsText } from './events.ts';
import { asFields } from './fields.ts';
import type { Fields } from './fields.ts';
import type { Hub } from './hub.ts';
import { Fault } from './intake.ts';
import {
  checkMessage,
  decodeRequest,
  hasOptions,
  requestKinds,
  requestOptions,
} from './requests.ts';
import type { RequestKind, RequestOptions } from './requests.ts';
import { bookmarkText, connectedText, errorText, goneText, sessionText } from './texts.ts';
import { WaitingQueue } from './waiting.ts';
import type { Waiting, WaitingRole } from './waiting.ts';

/**
 * - `fresh`: the client has not said `connect` yet.
 * - `attaching`: it has; what follows waits until it is known who it is.
 * - `open`: requests flow.
 * - `ending`: the last request that counts is under way; what follows waits for how it ends.
 */
type Phase = 'fresh' | 'attaching' | 'open' | 'ending';

/** The connection that it takes place on. */
export interface ConversationOwner extends StreamSink {
  /** A reply before there is a stream whose order it could stand in. */
  reply(text: string, closeCode: CloseCode | 0): void;
  /**
   * The client is connected, with a session of that timeout or without one.
   * @returns the pace of its heartbeats, milliseconds
   */
  connected(timeoutMs: number | undefined): number;
  /** Requests that took so many bytes of a frame have been answered. */
  released(bytes: number): void;
}

export class Conversation {
  readonly #hub: Hub;
  readonly #owner: ConversationOwner;
  readonly #waiting = new WaitingQueue();
  #identities: readonly Identity[];
  #phase: Phase = 'fresh';
  #stream: StreamHandle | undefined;
  #session: SessionId = 0;
  /** What the client resumes with; only while attaching. */
  #token: string | undefined;
  #batches = false;
  #bookmarkAsked = false;
  /** True while the client knows that the node has no leader. */
  #suspended = false;
  #flowing = true;
  #nextId = 1;

  constructor(hub: Hub, owner: ConversationOwner, identities: readonly Identity[]) {
    this.#hub = hub;
    this.#owner = owner;
    this.#identities = identities;
  }

  get isFresh(): boolean {
    return this.#phase === 'fresh';
  }

  /** False while what follows must wait. */
  get mayTake(): boolean {
    return this.#phase === 'open' || this.#phase === 'fresh';
  }

  /** Whether the client reads arrays of messages. */
  get batches(): boolean {
    return this.#batches;
  }

  get hasSession(): boolean {
    return this.#session !== 0;
  }

  /** Requests without an answer. */
  get outstanding(): number {
    return this.#waiting.length;
  }

  /** The client has been heard: its session lives on. */
  touch(): void {
    if (this.#stream === undefined || this.#session === 0) return;
    this.#hub.submit({ type: 'touch', stream: this.#stream.id });
  }

  /** Events wait in the ring while the reader is not ready for them. */
  flow(ready: boolean): void {
    if (this.#stream === undefined) return;
    this.#flowing = ready;
    this.#hub.submit({ type: 'flow', stream: this.#stream.id, ready });
  }

  /**
   * Asks how far the stream has come; false when the last such question has no answer yet, or the node has no
   * leader, so that nobody knows what has happened.
   */
  askBookmark(): boolean {
    if (this.#bookmarkAsked || this.#suspended || this.#phase !== 'open') return false;
    this.#bookmarkAsked = true;
    this.#ask({ type: 'ping' }, { role: 'bookmark' });
    return true;
  }

  /** Lets `bytes` be released with the youngest request; false when there is none. */
  charge(bytes: number): boolean {
    const { last } = this.#waiting;
    if (last === undefined) return false;
    last.frameBytes += bytes;
    return true;
  }

  /** Ends the stream: what has not been started does not take effect. */
  end(): void {
    this.#phase = 'ending';
    this.#hub.flush();
    this.#stream?.close();
    this.#stream = undefined;
  }

  // From the client.

  /** Takes one message, or what stands in its place; `mayTake` must hold. */
  accept(item: unknown): void {
    if (item instanceof Fault) {
      this.#refuse(null, item.error, closeCodes.badMessage);
      return;
    }
    const message = asFields(item);
    const id = message?.['id'];
    if (message === undefined || typeof id !== 'number' || !Number.isSafeInteger(id)) {
      this.#refuse(null, unreadable(message), closeCodes.badMessage);
      return;
    }
    const kind = requestKinds.get(message['type']);
    if (this.#phase === 'fresh') this.#acceptFirst(kind, message, id);
    else if (kind === undefined) this.#refuse(id, unknownType(message['type']), 0);
    else this.#acceptNext(kind, message, id);
  }

  #acceptFirst(kind: RequestKind | undefined, message: Fields, id: number): void {
    if (kind?.type !== 'connect') {
      const detail = 'the first message of a connection must be connect';
      this.#refuse(id, { code: 'BADARGUMENTS', detail }, closeCodes.badMessage);
      return;
    }
    try {
      checkMessage(kind, message);
      this.#connect(message as unknown as ConnectMessage);
    } catch (error) {
      const body = bodyOf(error);
      this.#refuse(id, body, body.code === 'BADARGUMENTS' ? 0 : attachCloseCode(body));
    }
  }

  #connect(message: ConnectMessage): void {
    const { id: clientId, session, batch = false, minZxid } = message;
    const operation = attachOperation(message, this.#hub.settings);
    const identities = this.#identitiesWith(operation.identities);
    this.#stream = this.#hub.router.openStream(this.#identities, this.#owner);
    this.#phase = 'attaching';
    this.#identities = identities;
    this.#token = session;
    this.#batches = batch;
    this.#ask(operation, {
      role: 'connect',
      clientId,
      ...(minZxid !== undefined && { minZxid }),
    });
  }

  #acceptNext(kind: RequestKind, message: Fields, id: number): void {
    try {
      checkMessage(kind, message);
      if (kind.decode === undefined) this.#acceptOwn(kind, message, id);
      else this.#request(kind, message, id);
    } catch (error) {
      this.#refuse(id, bodyOf(error), 0);
    }
  }

  /** What changes the connection itself. */
  #acceptOwn(kind: RequestKind, message: Fields, id: number): void {
    switch (kind.type) {
      case 'connect': {
        const detail = 'connect must be the first message of a connection, and the only one';
        this.#refuse(id, { code: 'BADARGUMENTS', detail }, closeCodes.badMessage);
        return;
      }
      case 'auth':
        this.#identify(message as { scheme: string; credential: string }, id);
        return;
      default: {
        assert(kind.type === 'close', `${kind.type} has a decoder`);
        // Without a session it only takes its turn, which needs no leader.
        const operation: Operation = this.hasSession
          ? { type: 'endSession' }
          : { type: 'identify', identities: [] };
        this.#phase = 'ending';
        this.#ask(operation, { clientId: id, closeCode: closeCodes.ended });
      }
    }
  }

  #identify({ scheme, credential }: { scheme: string; credential: string }, id: number): void {
    let identities: readonly Identity[];
    try {
      identities = credentialIdentities(scheme, credential, this.#hub.settings.superIdentity);
    } catch (error) {
      this.#refuse(id, bodyOf(error), closeCodes.notAuthenticated);
      return;
    }
    this.#identities = this.#identitiesWith(identities);
    this.#ask({ type: 'identify', identities }, { clientId: id, encode: encodeIdentities });
  }

  #identitiesWith(added: readonly Identity[]): readonly Identity[] {
    return joinIdentities(this.#identities, added, this.#hub.settings.limits);
  }

  /** The hot path: a request that the coordinator does. */
  #request(kind: RequestKind, message: Fields, clientId: number): void {
    const { operation, encode } = decodeRequest(kind, message, this.#hub.settings.limits);
    const options = hasOptions(kind, message) ? this.#optionsOf(message) : undefined;
    const id = this.#nextId++;
    const request = { type: 'request', stream: this.#streamId, id, operation } as const;
    this.#waiting.push({
      id,
      role: 'request',
      clientId,
      encode,
      refusal: undefined,
      closeCode: 0,
      frameBytes: 0,
      next: undefined,
    });
    this.#hub.submit(options === undefined ? request : { ...request, ...options });
  }

  #optionsOf(message: Fields): RequestOptions {
    return requestOptions(message, {
      session: this.#session,
      identities: this.#identities,
      limits: this.#hub.settings.limits,
    });
  }

  /** Answers with an error in the request's turn; with a close code nothing behind it is taken. */
  #refuse(clientId: number | null, refusal: ErrorBody, closeCode: CloseCode | 0): void {
    if (this.#stream === undefined) {
      const { appliedZxid } = this.#hub.router.status();
      this.#owner.reply(errorText(clientId, appliedZxid, refusal), closeCode);
      return;
    }
    if (closeCode !== 0) this.#phase = 'ending';
    this.#ask({ type: 'ping' }, { clientId, refusal, closeCode });
  }

  #ask(operation: Operation, ask: Ask): void {
    const { role = 'request', clientId = null, closeCode = 0, refusal, minZxid } = ask;
    const id = this.#nextId++;
    const request = { type: 'request', stream: this.#streamId, id, operation } as const;
    this.#waiting.push({
      id,
      role,
      clientId,
      encode: ask.encode ?? encodeNothing,
      refusal,
      closeCode,
      frameBytes: 0,
      next: undefined,
    });
    if (minZxid !== undefined) this.#hub.submit({ ...request, minZxid });
    else this.#hub.submit(role === 'bookmark' ? { ...request, unprompted: true } : request);
  }

  get #streamId(): StreamId {
    assert(this.#stream !== undefined, 'requests come after connect');
    return this.#stream.id;
  }

  // From the coordinator.

  /** Appends what the client is told; a code other than 0 says that the connection closes behind it. */
  answer(answer: CoordinatorAnswer, out: string[]): CloseCode | 0 {
    switch (answer.type) {
      case 'result':
        return this.#result(answer, out);
      case 'error':
        return this.#error(answer, out);
      case 'events':
        out.push(eventsText(answer));
        return 0;
      case 'gone':
        out.push(goneText(answer));
        return 0;
      case 'session':
        if (answer.state === 'moved') return closeCodes.moved;
        this.#suspended = answer.state === 'suspended';
        out.push(sessionText(answer.state));
        return answer.state === 'expired' ? closeCodes.expired : 0;
      case 'change':
        return 0;
    }
  }

  /**
   * Answers all that has no answer: what was asked of the coordinator may have happened, what it was never
   * asked has not.
   */
  failAll(untaken: readonly unknown[], out: string[]): void {
    const { appliedZxid } = this.#hub.router.status();
    while (this.#waiting.first !== undefined) this.#lose(this.#waiting.shift(), appliedZxid, out);
    for (const item of untaken) {
      const id = asFields(item)?.['id'];
      if (typeof id === 'number') out.push(errorText(id, appliedZxid, notTaken));
    }
  }

  #result(answer: ResultAnswer, out: string[]): CloseCode | 0 {
    const waiting = this.#take(answer.id, answer.zxid, out);
    if (waiting.refusal !== undefined) {
      out.push(errorText(waiting.clientId, answer.zxid, waiting.refusal));
      return waiting.closeCode;
    }
    switch (waiting.role) {
      case 'request': {
        const fields = encodeWith(waiting.encode, answer.result);
        out.push(
          `{"type":"result","id":${String(waiting.clientId)},"zxid":${answer.zxid}${fields}}`,
        );
        break;
      }
      case 'connect':
        out.push(this.#attached(waiting, answer));
        break;
      case 'bookmark':
        this.#bookmarkAsked = false;
        out.push(bookmarkText(answer.zxid));
        break;
    }
    return waiting.closeCode;
  }

  #attached({ clientId }: Waiting, answer: ResultAnswer): string {
    const result = answer.result as AttachResult;
    const { serverId } = this.#hub.settings;
    const token = this.#token;
    this.#token = undefined;
    this.#phase = 'open';
    this.#session = result.session?.id ?? 0;
    const heartbeatMs = this.#owner.connected(result.session?.timeoutMs);
    return connectedText({
      clientId,
      zxid: answer.zxid,
      result,
      token,
      server: serverId,
      readOnly: this.#hub.router.status().readOnly,
      heartbeatMs,
    });
  }

  #error(answer: ErrorAnswer, out: string[]): CloseCode | 0 {
    const { id, zxid, error, ends = false } = answer;
    // Number 0 is none of ours: the stream has ended without a request of it being to blame.
    if (id === 0) return this.#endCode(error);
    const waiting = this.#take(id, zxid, out);
    if (waiting.role === 'bookmark') this.#bookmarkAsked = false;
    else out.push(errorText(waiting.clientId, zxid, waiting.refusal ?? error));
    if (waiting.role === 'connect') return attachCloseCode(error);
    if (waiting.refusal !== undefined && waiting.closeCode !== 0) return waiting.closeCode;
    if (ends) return this.#endCode(error);
    // The session could not be ended, so that the conversation goes on.
    if (waiting.closeCode !== 0) this.#phase = 'open';
    return 0;
  }

  /** Why the stream has ended: its reader left too much unread, or an outcome is uncertain. */
  #endCode({ code }: ErrorBody): CloseCode {
    const unread = code === 'THROTTLEDOP' && !this.#flowing;
    return unread ? closeCodes.tooMuch : closeCodes.uncertain;
  }

  /** The request that is answered; those before it have lost theirs with the end of the stream. */
  #take(id: number, zxid: Zxid, out: string[]): Waiting {
    let waiting = this.#waiting.shift();
    while (waiting.id !== id) {
      this.#lose(waiting, zxid, out);
      waiting = this.#waiting.shift();
    }
    if (waiting.frameBytes > 0) this.#owner.released(waiting.frameBytes);
    return waiting;
  }

  #lose({ role, clientId, refusal, frameBytes }: Waiting, zxid: Zxid, out: string[]): void {
    if (role !== 'bookmark') out.push(errorText(clientId, zxid, refusal ?? answerLost));
    if (frameBytes > 0) this.#owner.released(frameBytes);
  }
}

/** What of a request is not the same each time. */
interface Ask {
  readonly role?: WaitingRole;
  readonly clientId?: number | null;
  readonly encode?: Encoder;
  readonly refusal?: ErrorBody;
  readonly closeCode?: CloseCode | 0;
  readonly minZxid?: Zxid;
}

const answerLost: ErrorBody = {
  code: 'OPERATIONTIMEOUT',
  detail: 'the connection ended before the outcome was known',
};

const notTaken: ErrorBody = {
  code: 'CONNECTIONLOSS',
  detail: 'the connection ended before the request was taken',
};

/** A client's fault as plain data; anything else is a fault of ours and ends the process. */
function bodyOf(error: unknown): ErrorBody {
  if (error instanceof CoordinationError) return error.toBody();
  throw error;
}

function unreadable(message: Fields | undefined): ErrorBody {
  const detail =
    message === undefined ? 'a message must be a JSON object' : 'id: must be an integer';
  return { code: 'BADARGUMENTS', detail };
}

function unknownType(type: unknown): ErrorBody {
  const shown = typeof type === 'string' ? JSON.stringify(type.slice(0, 40)) : typeof type;
  return { code: 'UNIMPLEMENTED', detail: `type: there is no message of type ${shown}` };
}

/** Why a connection that could not be attached closes. */
function attachCloseCode({ code }: ErrorBody): CloseCode {
  switch (code) {
    case 'SESSIONEXPIRED':
      return closeCodes.expired;
    case 'AUTHFAILED':
      return closeCodes.notAuthenticated;
    case 'NOAUTH':
      return closeCodes.forbidden;
    case 'THROTTLEDOP':
    case 'QUOTAEXCEEDED':
      return closeCodes.tooMuch;
    case 'BADARGUMENTS':
      return closeCodes.badMessage;
    default:
      return closeCodes.uncertain;
  }
}
