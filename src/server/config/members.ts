/**
 * The members of the ensemble as the operator lists them. Only the form is judged here, and whether the list
 * holds together: a name is resolved when a connection is made, since it may belong to a machine that is down.
 */
import { isIP } from 'node:net';
import { isLoopbackAddress } from './addresses.ts';
import type { Mistake } from './mistake.ts';
import { ValueError } from './values.ts';
import type { ValueKind } from './values.ts';

export interface Member {
  readonly id: number;
  /** An observer has no vote. */
  readonly role: 'participant' | 'observer';
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** Of its peer address. */
  readonly port: number;
}

/** What concerns the members, of the settings of one node. */
export interface MemberSettings {
  readonly id: number;
  readonly member: readonly string[];
  readonly observer: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly peerHost: string;
  readonly peerPort: number;
}

type KeyOf = (name: 'id' | 'member' | 'observer' | 'peerPort') => string;

/** Every vote costs the leader one more copy of each write; nobody gains from more than a handful. */
export const votersMax = 15;

/** Each member keeps a connection to each other one. */
export const membersMax = 64;

export const idRange = { min: 1, max: 255 } as const;
const PORT_MAX = 65_535;
const HOST_LENGTH_MAX = 253;
const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const hostName = new RegExp(`^${label}(?:\\.${label})*\\.?$`);
const form = 'must be ID=HOST:PEERPORT, such as 1=node1.example:8281 or 2=[2001:db8::2]:8281';

/** The value of `--member` and `--observer`, kept as it is written. */
export const memberKind: ValueKind<string> = {
  placeholder: 'ID=HOST:PEERPORT',
  parse: (text) => {
    parseMember(text, 'participant');
    return text;
  },
  format: String,
};

/** @throws ValueError */
function parseMember(text: string, role: Member['role']): Member {
  if (text.includes(',')) {
    throw new ValueError(
      'names one member: give the flag once for each; commas stand between them in ZOOGATE_MEMBER and ZOOGATE_OBSERVER only',
    );
  }
  const match = /^([0-9]{1,9})=(\[[^[\]]*\]|[^:[\]=]+):([0-9]{1,9})$/.exec(text);
  if (match === null) throw new ValueError(form);
  const [, idText = '', hostText = '', portText = ''] = match;
  const [id, port] = [Number(idText), Number(portText)];
  if (id < idRange.min || id > idRange.max) {
    throw new ValueError(`has the id ${id}: ids are ${idRange.min} to ${idRange.max}`);
  }
  if (port < 1 || port > PORT_MAX) {
    throw new ValueError(`has the port ${port}: ports of members are 1 to ${PORT_MAX}`);
  }
  return { id, role, host: parseHost(hostText), port };
}

function parseHost(text: string): string {
  const bracketed = text.startsWith('[');
  const host = bracketed ? text.slice(1, -1) : text;
  const isAddress = bracketed ? isIP(host) === 6 : isIP(host) === 4;
  const isName = !bracketed && hostName.test(host) && !/(^|\.)[0-9]+\.?$/.test(host);
  if ((!isAddress && !isName) || host.length > HOST_LENGTH_MAX) {
    throw new ValueError(
      `has the host ${text}, which is neither a name nor an address; it ${form}`,
    );
  }
  if (/^(0\.0\.0\.0|[0:]+)$/.test(host)) {
    throw new ValueError(
      `has the host ${text}, which nobody can call; name the member's own address`,
    );
  }
  return host;
}

/**
 * The members in the order of their ids; where none are given, this node alone. Of values that `memberKind`
 * has taken.
 */
export function membersOf(settings: MemberSettings): readonly Member[] {
  const { id, member, observer, peerHost, peerPort } = settings;
  if (member.length + observer.length === 0) {
    return [{ id, role: 'participant', host: peerHost, port: peerPort }];
  }
  const listed = [
    ...member.map((text) => parseMember(text, 'participant')),
    ...observer.map((text) => parseMember(text, 'observer')),
  ];
  return listed.sort((one, other) => one.id - other.id);
}

/** The peer port that the list gives to the node `id`. */
export function listedPort(id: number, texts: readonly string[]): number | undefined {
  const members = texts.map((text) => parseMember(text, 'participant'));
  return members.find((member) => member.id === id)?.port;
}

/** What of the list cannot be. */
export function memberMistakes(settings: MemberSettings, keyOf: KeyOf): Mistake[] {
  const { id, member, observer } = settings;
  if (member.length + observer.length === 0) return [];
  const members = membersOf(settings);
  const mistakes: Mistake[] = [];
  const mistake = (name: 'id' | 'member' | 'observer' | 'peerPort', problem: string): void => {
    mistakes.push({ key: keyOf(name), problem });
  };
  if (member.length === 0) {
    mistake('observer', 'is given without any --member: an ensemble needs members that vote');
  }
  if (!members.some((each) => each.id === id)) {
    const ids = members.map((each) => each.id).join(', ');
    const cause = 'every node is in its own list, which is the same on all of them';
    mistake('id', `is ${id}, but --member and --observer name ${ids}: ${cause}`);
  }
  mistakes.push(...duplicates(members, keyOf));
  if (member.length > votersMax) {
    mistake('member', `is given ${member.length} times, and at most ${votersMax} members may vote`);
  }
  if (members.length > membersMax) {
    mistake('observer', `makes ${members.length} members, and there may be ${membersMax}`);
  }
  const others = members.length > 1;
  if (others && settings.peerPort === 0) {
    mistake('peerPort', 'is 0, but the other members must know the port: name it');
  }
  const samePlace = settings.host === settings.peerHost && settings.port === settings.peerPort;
  if (others && samePlace && settings.port !== 0) {
    mistake('peerPort', `is ${settings.peerPort}, on which clients are served (--port)`);
  }
  return mistakes;
}

function duplicates(members: readonly Member[], keyOf: KeyOf): Mistake[] {
  const mistakes: Mistake[] = [];
  const byId = new Map<number, Member>();
  const byAddress = new Map<string, Member>();
  for (const member of members) {
    const { id, role } = member;
    const key = keyOf(role === 'observer' ? 'observer' : 'member');
    const same = byId.get(id);
    if (same === undefined) byId.set(id, member);
    else if (same.role === role) mistakes.push({ key, problem: `names ${id} twice` });
    else {
      const problem = `names ${id}, which --member names too: it either votes or it does not`;
      mistakes.push({ key: keyOf('observer'), problem });
    }
    const address = addressOf(member).toLowerCase();
    const neighbour = byAddress.get(address);
    if (neighbour === undefined) byAddress.set(address, member);
    else if (neighbour.id !== id) {
      mistakes.push({ key, problem: `gives ${address} to both ${neighbour.id} and ${id}` });
    }
  }
  return mistakes;
}

/** What may be meant so, but seldom is. */
export function memberWarnings(settings: MemberSettings): readonly string[] {
  const members = membersOf(settings);
  const own = members.find(({ id }) => id === settings.id);
  const warnings: string[] = [];
  const voters = members.filter(({ role }) => role === 'participant').length;
  if (voters % 2 === 0) {
    const survives = voters / 2 - 1;
    warnings.push(
      `${voters} members vote: they survive the loss of ${survives}, as ${voters - 1} would; prefer an odd number`,
    );
  }
  if (members.length < 2 || own === undefined) return warnings;
  if (isLoopbackAddress(settings.peerHost) && !isLoopbackAddress(own.host)) {
    warnings.push(
      `the others look for this node at ${addressOf(own)}, but it listens for them on ` +
        `${settings.peerHost} alone; --peer-host says where else`,
    );
  }
  if (settings.peerPort !== own.port) {
    warnings.push(
      `the others look for this node at port ${own.port}, but it listens for them on port ` +
        `${settings.peerPort} (--peer-port)`,
    );
  }
  const onThisMachine = members.filter(({ host }) => isLoopbackAddress(host));
  if (onThisMachine.length > 0 && onThisMachine.length < members.length) {
    const ids = onThisMachine.map(({ id }) => id).join(', ');
    warnings.push(
      `other machines cannot reach ${ids}, whose address in the list is a loopback one`,
    );
  }
  return warnings;
}

/** `node1.example:8281`, `[2001:db8::2]:8281`. */
export function addressOf({ host, port }: Pick<Member, 'host' | 'port'>): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
