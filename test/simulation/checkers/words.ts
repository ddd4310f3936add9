/**
 * What nodes say to one another, held against their disks at the moment at which they say it: whoever hears it
 * counts on it for ever, so it must be there already.
 */
import type { TcpTransport } from '../../../src/transport/index.ts';
import type { AckEpochMessage, ZabMessage } from '../../../src/zab/messages.ts';
import type { LogPosition } from '../../../src/zab/types.ts';
import type { Life } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import type { Logs } from './logs.ts';

export class Words {
  readonly #logs: Logs;
  /** By life: the epoch of the leader that it has answered last. */
  readonly #epochs = new WeakMap<Life, number>();

  constructor(logs: Logs) {
    this.#logs = logs;
  }

  /** Follows what a node says; called before it says anything. */
  attend(life: Life, transport: TcpTransport): void {
    const { send, disconnect } = transport;
    transport.send = (to, message) => {
      if (life.process.isAlive) this.#said(life, to, message);
      send.call(transport, to, message);
    };
    transport.disconnect = (peer, reason) => {
      const { id } = life.machine;
      if (life.process.isAlive) {
        violated(`links: node ${id} accuses ${peer}, and no node breaks the protocol: ${reason}`);
      }
      disconnect.call(transport, peer, reason);
    };
  }

  #said(life: Life, to: number, message: ZabMessage): void {
    const { id } = life.machine;
    switch (message.type) {
      case 'VOTE':
        if (message.candidate === id) this.#checkHeld(id, message.key, 'I-19: votes with');
        break;
      case 'FOLLOWERINFO':
        this.#checkHeld(id, message.last, 'I-19: begins to follow with');
        this.#checkRecovering(id, message.recovering, to);
        this.#logs.follows(id);
        break;
      case 'LEADERINFO':
        this.#checkPromise(id, { epoch: message.epoch, leader: id });
        break;
      case 'ACKEPOCH':
        this.#acknowledgesEpoch(life, to, message);
        break;
      case 'ACK':
        this.#checkHeld(id, message.position, 'I-10: acknowledges');
        this.#checkHelp(life, to);
        break;
      case 'APPEND':
      case 'PING':
        this.#logs.tells(life, message.committed);
        break;
      default:
        break;
    }
  }

  #acknowledgesEpoch(life: Life, to: number, { epoch, counted, last }: AckEpochMessage): void {
    const { id } = life.machine;
    this.#checkHeld(id, last, 'I-19: answers the epoch with');
    this.#epochs.set(life, epoch);
    if (!counted) return;
    this.#checkRecovering(id, false, to);
    this.#checkPromise(id, { epoch, leader: to });
  }

  #checkHeld(id: number, position: LogPosition, what: string): void {
    if (this.#logs.isOnDisk(id, position)) return;
    const [invariant, verb] = what.split(': ');
    violated(
      `${invariant}: node ${id} ${verb} ${position.epoch}/${position.zxid}, which it has not on disk`,
    );
  }

  #checkPromise(id: number, wanted: { readonly epoch: number; readonly leader: number }): void {
    const promise = this.#logs.promiseOf(id);
    if (promise?.epoch === wanted.epoch && promise.leader === wanted.leader) return;
    const given = promise === undefined ? 'nothing' : `${promise.epoch} to ${promise.leader}`;
    violated(
      `I-8: node ${id} says that it has promised ${wanted.epoch} to ${wanted.leader}, and on its disk is ${given}`,
    );
  }

  /** Whoever has promised a later epoch does not help an earlier one. */
  #checkHelp(life: Life, to: number): void {
    const { id } = life.machine;
    const [epoch, promised] = [this.#epochs.get(life), this.#logs.promiseOf(id)?.epoch ?? 0];
    if (epoch === undefined || promised <= epoch) return;
    violated(`I-8: node ${id} helps ${to} in epoch ${epoch} and has promised ${promised}`);
  }

  #checkRecovering(id: number, said: boolean, to: number): void {
    if (said || !this.#logs.isRecovering(id)) return;
    violated(`I-9: node ${id} tells ${to} that it has all that it had, and has not`);
  }
}
