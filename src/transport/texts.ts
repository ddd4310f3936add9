/** What the links complain of, in sentences that say what to do. */
import type { Complaint } from './complaints.ts';
import type { Conversation } from './conversation.ts';
import type { Misfit } from './hello.ts';
import type { Address, CloseReason } from './network.ts';

/** `node 3`, or the address of somebody who has not said who it is. */
export const nameOf = ({ peer, remote }: Pick<Conversation, 'peer' | 'remote'>): string =>
  peer === undefined ? remote : `node ${peer}`;

const onlyMembers = 'Only members of the ensemble should connect to the port for members.';

export const complaints = {
  flood: (oldest: Conversation, max: number): Complaint => ({
    ...{ about: nameOf(oldest), kind: 'flood' },
    text:
      `More than ${max} connections to the port for members have not said who they are; the oldest are ` +
      `closed. ${onlyMembers} Find out what else does.`,
  }),

  refused: (conversation: Conversation, { kind, text }: Misfit): Complaint => {
    const about = nameOf(conversation);
    return { about, kind, text: `A connection with ${about} was refused. ${text}` };
  },

  refusedBy: (conversation: Conversation, reason: string): Complaint => {
    const about = nameOf(conversation);
    return { about, kind: 'rejected', text: `This node is refused by ${about}. ${reason}` };
  },

  malformed: (conversation: Conversation, problem: string): Complaint => {
    const about = nameOf(conversation);
    const text =
      conversation.state === 'linked'
        ? `What ${about} has sent cannot be understood (${problem}): the connection is made anew. If it ` +
          'happens again, look for a fault of the network or of the memory of one of the machines.'
        : `What ${about} has sent is no greeting of a Zoogate node (${problem}): the connection is closed. ` +
          onlyMembers;
    return { about, kind: 'malformed', text };
  },

  /** A stranger that does not say who it is. */
  lateStranger: (conversation: Conversation, timeoutMs: number): Complaint => {
    const about = nameOf(conversation);
    const text =
      `A connection from ${about} to the port for members has not said who it is within ${timeoutMs} ms ` +
      `and is closed. ${onlyMembers}`;
    return { about, kind: 'late', text };
  },

  /** A member that was called and does not answer. */
  latePeer: (conversation: Conversation, { host, port }: Address): Complaint => {
    const about = nameOf(conversation);
    const text =
      `The address ${host}:${port} of ${about} does not answer as a member does: its machine or its process ` +
      'stands still, or something else listens there. It is called again.';
    return { about, kind: 'late', text };
  },

  unreachable: (
    conversation: Conversation,
    { host, port }: Address,
    why: CloseReason,
  ): Complaint => {
    const about = nameOf(conversation);
    const text = `The address ${host}:${port} of ${about} cannot be reached (${why.reason}); it is called until it can.`;
    return { about, kind: 'unreachable', warning: false, text };
  },

  queueFull: (link: Conversation, bytesMax: number): Complaint => {
    const about = nameOf(link);
    const text =
      `More than ${bytesMax} bytes wait for ${about}: the connection is made anew. It does not read as fast ` +
      'as this node writes; look at its load and at the network.';
    return { about, kind: 'queue-full', text };
  },
} as const;
