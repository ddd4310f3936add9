/**
 * The links of a real node. The node with the greater id calls the other; the called one answers. Whatever
 * comes from outside ends its own connection at worst, with one line in the log that says what to do.
 */
import { assert } from '../protocol/assert.ts';
import type { ZabMessage } from '../zab/index.ts';
import { decodeMessage, decodePayload, encodeMessage, encodePayload } from './codec.ts';
import type { EncodedMessage } from './codec.ts';
import { Complaints } from './complaints.ts';
import type { Complaint, TransportLog } from './complaints.ts';
import { Conversation } from './conversation.ts';
import type { ConversationHost } from './conversation.ts';
import { FormatError } from './fields.ts';
import { channels } from './frames.ts';
import type { Channel, Frame } from './frames.ts';
import {
  decodeHello,
  decodeReject,
  encodeHello,
  encodeReject,
  judgeHello,
  memberList,
} from './hello.ts';
import type { Hello, Introduction, Member, MemberRole, Misfit } from './hello.ts';
import { checkTransportLimits, defaultTransportLimits } from './limits.ts';
import type { TransportLimits } from './limits.ts';
import type { Address, CloseReason, Listener, Network, TransportScheduler } from './network.ts';
import { Peer } from './peer.ts';
import { SilenceWatch } from './silence-watch.ts';
import { Teller } from './teller.ts';
import { complaints } from './texts.ts';
import type { PeerLink, Transport, TransportHandlers } from './transport.ts';

export interface MemberAddress extends Member, Address {}

export interface TcpTransportOptions {
  readonly self: Omit<PeerLink, 'clusterId'>;
  /** Asked at every hello: a node may join a cluster while it runs. */
  readonly clusterId: () => string | undefined;
  /** This node is one of them. */
  readonly members: readonly MemberAddress[];
  /** Where the other members call this node; only loopback unless the operator says otherwise. */
  readonly listen: Address;
  readonly network: Network;
  readonly scheduler: TransportScheduler;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: TransportLog;
  readonly limits?: Partial<TransportLimits>;
}

const closedBySelf: CloseReason = { reason: 'this node has ended it', refused: false };

export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions;
  readonly #limits: TransportLimits;
  readonly #members: string;
  readonly #role: MemberRole;
  readonly #peers = new Map<number, Peer>();
  readonly #complaints: Complaints;
  readonly #host: ConversationHost;
  /** All whose connection still stands, and those among them that were called and have not said hello. */
  readonly #conversations = new Set<Conversation>();
  readonly #pending = new Set<Conversation>();
  readonly #unflushed = new Set<Conversation>();
  readonly #teller: Teller;
  readonly #silence: SilenceWatch;
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  /** Claims the address. @throws the system's error when it cannot be had */
  static async open(options: TcpTransportOptions): Promise<TcpTransport> {
    const transport = new TcpTransport(options);
    transport.#listener = await options.network.listen(options.listen, (connection) => {
      const conversation = new Conversation(transport.#host, undefined);
      conversation.connection = connection;
      transport.#accept(conversation);
      return conversation;
    });
    return transport;
  }

  private constructor(options: TcpTransportOptions) {
    const { self, members, log } = options;
    this.#options = options;
    this.#limits = { ...defaultTransportLimits, ...options.limits };
    checkTransportLimits(this.#limits);
    this.#members = memberList(members);
    const own = members.find(({ id }) => id === self.id);
    assert(own !== undefined, 'a node is a member of its own list');
    this.#role = own.role;
    this.#complaints = new Complaints(log, this.#limits.complaintIntervalMs);
    this.#teller = new Teller(options.scheduler);
    this.#silence = new SilenceWatch({
      ...{ scheduler: options.scheduler, limits: this.#limits, links: () => this.#links() },
      onSilent: (link) => {
        const reason = `Nothing has come for ${this.#limits.silenceMs} ms.`;
        this.#drop(link, 'at-once', { reason, refused: false });
      },
    });
    this.#host = this.#makeHost();
    for (const member of members) {
      if (member !== own) this.#peers.set(member.id, this.#makePeer(member));
    }
  }

  /** Of the address where the other members call, chosen by the system where none was given. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  start(handlers: TransportHandlers): void {
    assert(!this.#teller.isListening, 'a transport is started once');
    this.#teller.handlers = handlers;
    for (const peer of this.#peers.values()) peer.start();
    this.#silence.start();
  }

  send(peer: number, message: ZabMessage): void {
    const link = this.#peers.get(peer)?.link;
    if (link !== undefined) this.#queue(link, channels.zab, encodeMessage(message));
  }

  sendPayload(peer: number, bytes: Uint8Array): void {
    const link = this.#peers.get(peer)?.link;
    if (link !== undefined) this.#queue(link, channels.replica, encodePayload(bytes));
  }

  disconnect(peer: number, reason: string): void {
    const link = this.#peers.get(peer)?.link;
    if (link !== undefined) this.#drop(link, 'at-once', { reason, refused: false });
  }

  connected(peer: number): boolean {
    return this.#peers.get(peer)?.link !== undefined;
  }

  queuedBytes(peer: number): number {
    return this.#peers.get(peer)?.link?.queuedBytes ?? 0;
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#teller.stop();
    this.#silence.stop();
    for (const peer of this.#peers.values()) peer.stop();
    const closed = this.#listener?.close();
    for (const conversation of this.#conversations) {
      conversation.leave(conversation.state === 'linked' ? 'when-sent' : 'at-once');
    }
    if (this.#conversations.size > 0) {
      await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    }
    await closed;
  }

  *#links(): Generator<Conversation> {
    for (const { link } of this.#peers.values()) if (link !== undefined) yield link;
  }

  #makeHost(): ConversationHost {
    return {
      limits: this.#limits,
      scheduler: this.#options.scheduler,
      opened: (conversation) => this.#greet(conversation),
      frame: (conversation, frame) => this.#take(conversation, frame),
      read: () => this.#teller.idle(),
      malformed: (conversation, problem) => this.#dropMalformed(conversation, problem),
      late: (conversation) => this.#dropLate(conversation),
      closed: (conversation, why) => this.#closed(conversation, why),
    };
  }

  #makePeer({ id, host, port }: MemberAddress): Peer {
    const { network, scheduler, random, self } = this.#options;
    const isCalled = self.id > id;
    const peer: Peer = new Peer({
      ...{ id, address: { host, port }, isCalled, network, scheduler, random },
      limits: this.#limits,
      call: () => this.#call(peer),
      onGone: (reason) => {
        const text = `The port of node ${id} refuses connections: ${reason}.`;
        this.#teller.announce((handlers) => handlers.down(id, { reason: text, refused: true }));
      },
    });
    return peer;
  }

  // Both ends of a greeting.

  #call(peer: Peer): void {
    const conversation = new Conversation(this.#host, peer.id);
    this.#conversations.add(conversation);
    conversation.connection = this.#options.network.connect(peer.address, conversation);
  }

  #accept(conversation: Conversation): void {
    this.#conversations.add(conversation);
    // Whoever comes before this node can speak comes again.
    if (!this.#teller.isListening) {
      conversation.leave('at-once');
      return;
    }
    this.#pending.add(conversation);
    if (this.#pending.size <= this.#limits.pendingConnectionsMax) return;
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    this.#complain(complaints.flood(oldest, this.#limits.pendingConnectionsMax));
    this.#drop(oldest, 'at-once');
  }

  #greet(conversation: Conversation): void {
    const { peer } = conversation;
    if (peer === undefined) return;
    conversation.queue(channels.hello, encodeHello({ ...this.#introduction(), to: peer }));
    conversation.flush();
  }

  #introduction(): Introduction {
    const { self, clusterId } = this.#options;
    return {
      ...{ id: self.id, incarnation: self.incarnation, boot: self.boot, url: self.url },
      ...{ featureLevel: self.featureLevel, clusterId: clusterId() },
      ...{ role: this.#role, members: this.#members },
    };
  }

  #takeHello(conversation: Conversation, payload: Uint8Array): void {
    const decoded = decodeHello(payload);
    const misfit =
      judgeHello(this.#introduction(), decoded, conversation.called) ??
      this.#judgePeer(conversation, decoded.hello);
    if (misfit !== undefined) this.#reject(conversation, misfit);
    else if (decoded.hello !== undefined) this.#link(conversation, decoded.hello);
  }

  /** What can be said of a hello that fits only by what else is connected. */
  #judgePeer(conversation: Conversation, hello: Hello | undefined): Misfit | undefined {
    if (hello === undefined) return undefined;
    const { id } = hello;
    if (conversation.peer !== undefined && conversation.peer !== id) {
      return {
        kind: 'wrong-node',
        text:
          `Node ${this.#options.self.id} has called node ${conversation.peer} and node ${id} has answered: ` +
          `correct the address of member ${conversation.peer}.`,
      };
    }
    if (this.#peers.get(id)?.isRival(hello) !== true) return undefined;
    return {
      kind: 'duplicate-id',
      text: `Two processes run as node ${id}: stop one of them, or give it an --id of its own.`,
    };
  }

  #link(conversation: Conversation, hello: Hello): void {
    const peer = this.#peers.get(hello.id);
    assert(peer !== undefined, 'a hello that fits comes from a member');
    if (peer.link !== undefined) {
      const reason = `Node ${peer.id} has made a new connection.`;
      this.#drop(peer.link, 'at-once', { reason, refused: false });
    }
    this.#pending.delete(conversation);
    conversation.link(peer.id);
    if (conversation.called) this.#greet(conversation);
    peer.linked(conversation, hello);
    const { id, incarnation, boot, clusterId, url, featureLevel } = hello;
    const link: PeerLink = { id, incarnation, boot, clusterId, url, featureLevel };
    this.#options.log.info({ peer: id, remote: conversation.remote }, `Node ${id} is connected.`);
    this.#teller.announce((handlers) => handlers.up(link));
  }

  #reject(conversation: Conversation, misfit: Misfit): void {
    conversation.queue(channels.reject, encodeReject(misfit.text));
    this.#complain(complaints.refused(conversation, misfit));
    this.#drop(conversation, 'when-sent');
  }

  // What comes in.

  #take(conversation: Conversation, { channel, payload }: Frame): void {
    try {
      if (conversation.state === 'linked') this.#takeLinked(conversation, channel, payload);
      else this.#takeGreeting(conversation, channel, payload);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#dropMalformed(conversation, error.message);
    }
  }

  #takeGreeting(conversation: Conversation, channel: Channel, payload: Uint8Array): void {
    if (channel === channels.hello) this.#takeHello(conversation, payload);
    else if (channel === channels.reject) this.#takeReject(conversation, payload);
    else throw new FormatError('the first frame is no hello');
  }

  #takeLinked(conversation: Conversation, channel: Channel, payload: Uint8Array): void {
    const { peer } = conversation;
    if (peer === undefined) return;
    switch (channel) {
      case channels.zab: {
        const message = decodeMessage(payload);
        this.#teller.tell(conversation, (handlers) => handlers.message(peer, message));
        break;
      }
      case channels.replica: {
        const bytes = decodePayload(payload);
        this.#teller.tell(conversation, (handlers) => handlers.payload(peer, bytes));
        break;
      }
      case channels.alive:
        break;
      case channels.reject:
        this.#takeReject(conversation, payload);
        break;
      case channels.hello:
        throw new FormatError('a second hello has come');
    }
  }

  #takeReject(conversation: Conversation, payload: Uint8Array): void {
    const reason = decodeReject(payload);
    this.#complain(complaints.refusedBy(conversation, reason));
    this.#drop(conversation, 'at-once', { reason, refused: false });
  }

  // What goes out.

  #queue(link: Conversation, channel: Channel, { head, tail }: EncodedMessage): void {
    link.queue(channel, head, tail);
    if (this.#unflushed.size === 0) this.#options.scheduler.endOfTurn(this.#flush);
    this.#unflushed.add(link);
    const { queueBytesMax } = this.#limits;
    if (link.queuedBytes <= queueBytesMax) return;
    this.#complain(complaints.queueFull(link, queueBytesMax));
    const reason = `More than ${queueBytesMax} bytes wait to be sent.`;
    this.#drop(link, 'at-once', { reason, refused: false });
  }

  readonly #flush = (): void => {
    for (const link of this.#unflushed) if (link.state === 'linked') link.flush();
    this.#unflushed.clear();
  };

  // How it ends.

  #drop(
    conversation: Conversation,
    how: 'at-once' | 'when-sent',
    why: CloseReason = closedBySelf,
  ): void {
    const { state } = conversation;
    conversation.leave(how);
    this.#pending.delete(conversation);
    if (state === 'linked') this.#lost(conversation, why);
    else if (state === 'greeting') this.#peerOf(conversation)?.failed(why);
  }

  #closed(conversation: Conversation, why: CloseReason): void {
    this.#conversations.delete(conversation);
    this.#pending.delete(conversation);
    if (this.#conversations.size === 0) this.#onEmpty?.();
    const reason = `The connection has ended: ${why.reason}.`;
    if (conversation.state === 'linked') this.#lost(conversation, { ...why, reason });
    if (conversation.state !== 'greeting') return;
    const peer = this.#peerOf(conversation);
    if (peer === undefined) {
      if (conversation.isEmpty) this.#knocked();
      return;
    }
    this.#complain(complaints.unreachable(conversation, peer.address, why));
    peer.failed(why);
  }

  /** A connection without a word is how a peer that has just started asks to be called. */
  #knocked(): void {
    for (const peer of this.#peers.values()) peer.hurry();
  }

  #lost(link: Conversation, { reason }: CloseReason): void {
    const peer = this.#peerOf(link);
    if (peer === undefined || this.#stopping !== undefined) return;
    peer.lost();
    const { id } = peer;
    this.#options.log.info({ peer: id, reason }, `Node ${id} is no longer connected. ${reason}`);
    this.#teller.announce((handlers) => handlers.down(id, { reason, refused: false }));
  }

  #dropMalformed(conversation: Conversation, problem: string): void {
    this.#complain(complaints.malformed(conversation, problem));
    this.#drop(conversation, 'at-once', { reason: `It sent: ${problem}.`, refused: false });
  }

  #dropLate(conversation: Conversation): void {
    const peer = this.#peerOf(conversation);
    const { helloTimeoutMs } = this.#limits;
    if (peer === undefined) this.#complain(complaints.lateStranger(conversation, helloTimeoutMs));
    else this.#complain(complaints.latePeer(conversation, peer.address));
    this.#drop(conversation, 'at-once');
  }

  #complain(complaint: Complaint): void {
    this.#complaints.say(this.#options.scheduler.nowMs(), complaint);
  }

  #peerOf({ peer }: Conversation): Peer | undefined {
    return peer === undefined ? undefined : this.#peers.get(peer);
  }
}
