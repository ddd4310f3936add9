/**
 * One WebSocket: how its frames come in and go out, what waits, what is given up, and how it ends. Ten
 * thousand of them are idle at a time, so that what only a busy one needs is made when it is needed.
 */
import type { Duplex } from 'node:stream';
import type { Identity } from '../../protocol/model.ts';
import { namedLimit } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import { closeCodes, closeReasons } from '../../protocol/websocket/server.ts';
import type { CloseCode } from '../../protocol/websocket/server.ts';
import { clientsOf } from '../common/clients.ts';
import type { Client } from '../common/clients.ts';
import { Outlet } from '../common/outlet.ts';
import type { OutletOwner } from '../common/outlet.ts';
import type { CoordinatorAnswer } from '../coordinator.ts';
import { Conversation } from './conversation.ts';
import type { ConversationOwner } from './conversation.ts';
import { eventsFrame } from './events.ts';
import { frameOf, pieces, pingFrame, pingWith } from './frames.ts';
import type { Hub, Member } from './hub.ts';
import { readFrame } from './intake.ts';
import type { Frame } from './intake.ts';
import { goawayText } from './texts.ts';
import type { WheelEntry } from './wheel.ts';

/** Requests handed over between two looks at whether their answers fill the socket. */
const SLICE = 64;

/** Messages of one connection that are taken in a turn: a millisecond or two, in which others wait. */
const TURN_MESSAGES = 128;

/** A connection without a session is given up when it has been silent for so many pings. */
const SILENT_PULSES_MAX = 3;

/** Places in a stream's queue that are kept for the door's own requests. */
const RESERVED_REQUESTS = 2;

/** What a connection wants of the library's socket. */
export interface ClientSocket {
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface ConnectionParts {
  readonly hub: Hub;
  readonly webSocket: ClientSocket;
  /** What lies beneath it: whole frames are written to it directly. */
  readonly socket: Duplex;
  /** What the connection itself proves. */
  readonly identities: readonly Identity[];
}

export class Connection implements ConversationOwner, Member, OutletOwner {
  dueTick = 0;
  previousEntry: WheelEntry | undefined = undefined;
  nextEntry: WheelEntry | undefined = undefined;
  readonly #hub: Hub;
  readonly #webSocket: ClientSocket;
  /** Whose share its frames are taken from: of what it proves later it takes none. */
  readonly #clients: readonly Client[];
  readonly #outlet: Outlet;
  readonly #conversation: Conversation;
  #closed = false;
  /** Frames that must wait for their turn; the first may be partly taken. */
  #inbox: Frame[] | undefined;
  /** Of the frames whose requests have not all been answered. */
  #inFlightBytes = 0;
  #taking = false;
  /** How many messages it has taken in the hub's turn of that number. */
  #taken = 0;
  #turn = 0;
  /** It has taken enough in this turn. */
  #rests = false;
  #reading = true;
  #flowing = true;
  #pulseMs = 0;
  #heard = true;
  #silentPulses = 0;
  /** A ping waits for the next message to travel with. */
  #pingOwed = false;
  /** Set once the node drains. */
  #retryAfterMs: number | undefined;

  constructor({ hub, webSocket, socket, identities }: ConnectionParts) {
    const { connectTimeoutMs, socketHighWaterBytes } = hub.settings.limits;
    this.#hub = hub;
    this.#webSocket = webSocket;
    this.#clients = clientsOf(identities);
    this.#outlet = new Outlet({
      ...{ sink: socket, owner: this, highWaterBytes: socketHighWaterBytes },
      ...{ unread: hub.unread, clients: this.#clients },
    });
    this.#conversation = new Conversation(hub, this, identities);
    hub.add(this);
    hub.schedule(this, connectTimeoutMs);
  }

  // From the socket.

  receive(data: Buffer): void {
    this.#heard = true;
    if (this.#closed) return;
    const frame = readFrame(data, this.#hub.settings.limits);
    this.#inFlightBytes += frame.bytes;
    this.#hub.countInFlight(this.#clients, frame.bytes);
    if (this.#inbox !== undefined || !this.#take(frame)) {
      this.#inbox ??= [];
      this.#inbox.push(frame);
      this.#conversation.touch();
    } else if (frame.messages.length === 0) {
      this.#conversation.touch();
    }
    this.#regulate();
  }

  /** A ping or a pong. */
  receiveSign(): void {
    this.#heard = true;
    if (!this.#closed) this.#conversation.touch();
  }

  /** The client violates the protocol beneath, or the socket fails; and whichever of them found that closes it. */
  failed(): void {
    this.#leave();
  }

  /** The last that is heard of the socket. */
  ended(): void {
    this.#leave();
    this.#outlet.end();
    this.#hub.remove(this);
  }

  // From the coordinator.

  answers(batch: readonly CoordinatorAnswer[]): void {
    if (this.#closed) return;
    const [only] = batch;
    if (only?.type === 'events' && batch.length === 1) {
      this.#outlet.sendEvents(eventsFrame(only));
      this.#settle();
      return;
    }
    const texts: string[] = [];
    for (const answer of batch) {
      const closeCode = this.#conversation.answer(answer, texts);
      if (closeCode === 0) continue;
      if (closeCode === closeCodes.uncertain) this.#conversation.failAll(this.#untaken(), texts);
      this.#finish(closeCode, texts);
      return;
    }
    this.#sendTexts(texts);
    this.#settle();
  }

  // From the conversation.

  reply(text: string, closeCode: CloseCode | 0): void {
    if (closeCode === 0) this.#outlet.send(frameOf(text));
    else this.#finish(closeCode, [text]);
  }

  connected(timeoutMs: number | undefined): number {
    const { bookmarkIntervalMs } = this.#hub.settings.limits;
    this.#pulseMs = timeoutMs === undefined ? bookmarkIntervalMs : Math.floor(timeoutMs / 3);
    this.#hub.schedule(this, this.#pulseMs);
    return this.#pulseMs;
  }

  released(bytes: number): void {
    this.#inFlightBytes -= bytes;
    this.#hub.countInFlight(this.#clients, -bytes);
  }

  // From the outlet.

  progressed(hasRead: boolean): void {
    // A reader that catches up is alive, though nothing is read from it meanwhile.
    if (hasRead) this.receiveSign();
    this.#hub.progressed(this);
  }

  drained(): void {
    if (!this.#closed) this.#settle();
  }

  /** No close frame would reach a reader that takes nothing, and its bytes would stay until it does. */
  cutOff(): void {
    this.#outlet.drop();
    this.#leave();
    this.#webSocket.terminate();
  }

  // From the hub.

  due(): void {
    if (this.#closed) return;
    if (this.#conversation.isFresh)
      this.#finish(closeCodes.timeout, [], noConnect(this.#hub.settings.limits));
    // How long a connect may take is the coordinator's affair; its answer sets the pace of the pulses.
    else if (this.#pulseMs > 0) this.#pulse();
  }

  get isBehind(): boolean {
    return this.#outlet.unreadAnswerBytes > this.#hub.settings.limits.unreadAnswerBytesMax;
  }

  giveUp(): void {
    this.#outlet.drop();
    this.#finish(closeCodes.tooMuch, [], unreadText(this.#hub.settings.limits));
  }

  goOn(): void {
    this.#rests = false;
    this.#taken = 0;
    if (this.#closed) return;
    this.#pump();
    this.#regulate();
  }

  goAway(retryAfterMs: number): void {
    this.#retryAfterMs = retryAfterMs;
    if (this.#conversation.outstanding === 0) this.abandon();
    else this.#regulate();
  }

  abandon(): void {
    if (this.#closed) return;
    const texts: string[] = [];
    this.#conversation.failAll(this.#untaken(), texts);
    texts.push(goawayText(this.#retryAfterMs ?? 0));
    this.#finish(closeCodes.restart, texts);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  // The way in.

  /** Takes messages of the frame as long as they may be taken; true when none is left. */
  #take(frame: Frame): boolean {
    const { messages } = frame;
    this.#taking = true;
    while (frame.next < messages.length && !this.#mustHold()) {
      const item = messages[frame.next];
      frame.next++;
      this.#count();
      this.#conversation.accept(item);
      // Answers may come back before this returns, and fill the socket.
      if (this.#hub.waiting >= SLICE) this.#hub.flush();
    }
    this.#taking = false;
    if (this.#closed) return true;
    if (frame.next < messages.length) return false;
    if (!this.#conversation.charge(frame.bytes)) this.released(frame.bytes);
    return true;
  }

  /** One more message is taken. */
  #count(): void {
    const { turn } = this.#hub;
    this.#taken = turn === this.#turn ? this.#taken + 1 : 1;
    this.#turn = turn;
    if (this.#taken < TURN_MESSAGES || this.#rests) return;
    this.#rests = true;
    this.#hub.rest(this);
  }

  #mustHold(): boolean {
    const { mayTake, isFresh, outstanding } = this.#conversation;
    if (this.#rests) return true;
    if (isFresh) return this.#closed;
    if (!mayTake || this.#outlet.isFull || this.#retryAfterMs !== undefined) return true;
    const { streamRequestsMax } = this.#hub.settings.limits;
    if (outstanding >= streamRequestsMax - RESERVED_REQUESTS) return true;
    return outstanding > 0 && this.#hub.isCrowded(this.#clients);
  }

  /** Goes on with what had to wait. */
  #pump(): void {
    if (this.#taking) return;
    for (;;) {
      const inbox = this.#inbox;
      if (inbox === undefined) return;
      const [frame] = inbox;
      if (frame === undefined) this.#inbox = undefined;
      else if (this.#take(frame)) inbox.shift();
      else return;
    }
  }

  /** The messages that have not been taken, oldest first. */
  #untaken(): readonly unknown[] {
    return (this.#inbox ?? []).flatMap(({ messages, next }) => messages.slice(next));
  }

  // The way out.

  #sendTexts(texts: readonly string[]): void {
    const [only] = texts;
    if (only === undefined) return;
    if (this.#pingOwed && texts.length === 1) {
      this.#pingOwed = false;
      this.#outlet.send(pingWith(only));
    } else if (texts.length === 1) this.#outlet.send(frameOf(only));
    else for (const piece of pieces(texts, this.#conversation.batches)) this.#outlet.send(piece);
  }

  /** After something has been sent, or the reader has caught up. */
  #settle(): void {
    if (!this.#closed && this.isBehind) this.#tooMuch();
    if (this.#closed) return;
    this.#pump();
    if (this.#retryAfterMs !== undefined && this.#conversation.outstanding === 0) this.abandon();
    else this.#regulate();
  }

  #tooMuch(): void {
    const { unreadAnswerBytesMax, answerBytesMax } = this.#hub.settings.limits;
    // A single answer may be larger than the limit, and reading takes time.
    if (this.#outlet.unreadAnswerBytes > unreadAnswerBytesMax + ANSWERS_MAX * answerBytesMax) {
      this.giveUp();
    } else {
      this.#hub.watch(this);
    }
  }

  /** Stops and resumes reading, and the events, as the reader and the coordinator keep up or do not. */
  #regulate(): void {
    if (this.#closed) return;
    const reading = this.#inbox === undefined && !this.#mustHold();
    if (reading !== this.#reading) {
      this.#reading = reading;
      if (reading) this.#webSocket.resume();
      else this.#webSocket.pause();
    }
    const flowing = !this.#outlet.isFull;
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    this.#conversation.flow(flowing);
  }

  // Time.

  #pulse(): void {
    this.#silentPulses = this.#heard ? 0 : this.#silentPulses + 1;
    this.#heard = false;
    if (this.#silentPulses >= SILENT_PULSES_MAX && !this.#conversation.hasSession) {
      this.#finish(closeCodes.timeout);
      return;
    }
    this.#hub.schedule(this, this.#pulseMs);
    if (this.#outlet.isFull) return;
    // The bookmark of an idle stream comes at once, and the ping goes out with it.
    const isIdle = this.#conversation.outstanding === 0 && !this.#pingOwed;
    this.#pingOwed = this.#conversation.askBookmark() && isIdle;
    if (!this.#pingOwed) this.#outlet.send(pingFrame);
  }

  // The end.

  #finish(code: CloseCode, texts: readonly string[] = [], reason = closeReasons[code]): void {
    if (this.#closed) return;
    this.#sendTexts(texts);
    this.#leave();
    this.#outlet.flush();
    this.#webSocket.close(code, reason);
    // The client's own close frame must be read.
    if (!this.#reading) this.#webSocket.resume();
  }

  /** Nothing goes in or out any more. */
  #leave(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hub.retire(this);
    this.released(this.#inFlightBytes);
    this.#inbox = undefined;
    this.#conversation.end();
  }
}

/** The reason of a close frame is short, at most 123 bytes. */
function noConnect(limits: Limits): string {
  return `${closeReasons[closeCodes.timeout]}: no connect within ${namedLimit(limits, 'connectTimeoutMs')}`;
}

function unreadText(limits: Limits): string {
  const allowed = namedLimit(limits, 'unreadAnswerBytesMax');
  return `${closeReasons[closeCodes.tooMuch]}: unread answers exceed, in bytes, ${allowed}`;
}

/** So many of the largest answers may wait for a reader that moves. */
const ANSWERS_MAX = 4;
