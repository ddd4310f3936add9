/**
 * How two nodes make sure that they belong together, before anything else is said. The payload of a hello:
 * `ZGAT`, the version of the protocol (16 bits, little endian), and JSON in that version's form. Frames and
 * these first six bytes are the same in every version, and so is a REJECT: a sentence in UTF-8.
 */
import {
  featureLevel,
  fields,
  FormatError,
  nodeId,
  oneOf,
  optional,
  readJson,
  shown,
  text,
} from './fields.ts';
import { allocateHead, frameHeaderBytes } from './frames.ts';
import type { PeerLink } from './transport.ts';

export const protocolVersion = 2;

const magic = 'ZGAT';
const FIXED_BYTES = 6;
const NAME_LENGTH_MAX = 128;
const URL_LENGTH_MAX = 2048;
const MEMBERS_LENGTH_MAX = 8192;
const REASON_BYTES_MAX = 2048;

export type MemberRole = 'voter' | 'observer';

export interface Member {
  readonly id: number;
  readonly role: MemberRole;
}

/** The same text for the same ids and roles: `1=voter 2=voter 3=observer`. */
export function memberList(members: readonly Member[]): string {
  return [...members]
    .sort((a, b) => a.id - b.id)
    .map(({ id, role }) => `${id}=${role}`)
    .join(' ');
}

/** What a node says of itself. */
export interface Introduction extends PeerLink {
  /** By its own flags, as the list of members. */
  readonly role: MemberRole;
  readonly members: string;
}

export interface Hello extends Introduction {
  /** Whom the caller wants to speak to; of an answer, the caller. */
  readonly to: number;
}

const helloReader = fields<Hello>({
  id: nodeId,
  to: nodeId,
  incarnation: text(NAME_LENGTH_MAX),
  boot: text(NAME_LENGTH_MAX),
  clusterId: optional(text(NAME_LENGTH_MAX)),
  url: optional(text(URL_LENGTH_MAX)),
  featureLevel,
  role: oneOf('voter', 'observer'),
  members: text(MEMBERS_LENGTH_MAX),
});

export function encodeHello(hello: Hello, version = protocolVersion): Buffer {
  const json = Buffer.from(JSON.stringify(hello));
  const head = allocateHead(FIXED_BYTES + json.length);
  head.write(magic, frameHeaderBytes, 'latin1');
  head.writeUInt16LE(version, frameHeaderBytes + magic.length);
  json.copy(head, frameHeaderBytes + FIXED_BYTES);
  return head;
}

export type DecodedHello =
  | { readonly version: typeof protocolVersion; readonly hello: Hello }
  | { readonly version: number; readonly hello: undefined };

/** @throws FormatError for what no version says */
export function decodeHello(payload: Uint8Array): DecodedHello {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  if (bytes.length < FIXED_BYTES || bytes.toString('latin1', 0, magic.length) !== magic) {
    throw new FormatError('the first frame is no hello');
  }
  const version = bytes.readUInt16LE(magic.length);
  if (version !== protocolVersion) return { version, hello: undefined };
  return { version, hello: readJson(bytes.subarray(FIXED_BYTES), helloReader, 'the hello') };
}

export function encodeReject(reason: string): Buffer {
  const words = Buffer.from(reason).subarray(0, REASON_BYTES_MAX);
  const head = allocateHead(words.length);
  words.copy(head, frameHeaderBytes);
  return head;
}

export function decodeReject(payload: Uint8Array): string {
  return shown(Buffer.from(payload.subarray(0, REASON_BYTES_MAX)).toString());
}

/** Why two nodes are no pair, in sentences that both of them can log. */
export interface Misfit {
  readonly kind: string;
  readonly text: string;
}

/** @param called true on the end that was called */
export function judgeHello(
  own: Introduction,
  decoded: DecodedHello,
  called: boolean,
): Misfit | undefined {
  const self = `node ${own.id}`;
  if (decoded.hello === undefined) {
    return {
      kind: 'version',
      text:
        `Node ${own.id} speaks version ${protocolVersion} of the protocol between nodes and the other ` +
        `end version ${decoded.version}: run releases on all nodes that share a version.`,
    };
  }
  const { hello } = decoded;
  const checks: readonly (readonly [kind: string, holds: boolean, text: string])[] = [
    [
      'duplicate-id',
      hello.id !== own.id,
      `Two nodes have the id ${own.id}: give each node an --id of its own.`,
    ],
    [
      'unknown-member',
      isListed(own.members, hello.id),
      `Node ${hello.id} is not among the members "${own.members}" of ${self}: give all nodes the same ` +
        '--member and --observer, and each its own --id.',
    ],
    [
      'wrong-node',
      hello.to === own.id,
      `Node ${hello.id} wants to speak to node ${hello.to} and has reached ${self}: correct the address ` +
        `of member ${hello.to} on node ${hello.id}, or the --id of the node at that address.`,
    ],
    [
      'cluster',
      [hello.clusterId, undefined].includes(own.clusterId) || hello.clusterId === undefined,
      `Node ${own.id} belongs to the cluster ${own.clusterId ?? ''} and node ${hello.id} to the cluster ` +
        `${shown(hello.clusterId ?? '')}: one of them runs on the data directory of another cluster.`,
    ],
    [
      'members',
      hello.members === own.members,
      `Node ${own.id} has the members "${own.members}" and node ${hello.id} has "${shown(hello.members)}": ` +
        'give all nodes the same --member and --observer.',
    ],
    [
      'role',
      own.members.split(' ').includes(`${hello.id}=${hello.role}`),
      `Node ${hello.id} calls itself ${hello.role}, and the list of members says otherwise: this is a ` +
        'fault of the program; report it.',
    ],
    [
      'direction',
      called === hello.id > own.id,
      `Node ${hello.id} and ${self} disagree on which of them calls the other: the greater id does.`,
    ],
  ];
  const broken = checks.find(([, holds]) => !holds);
  return broken === undefined ? undefined : { kind: broken[0], text: broken[2] };
}

const isListed = (members: string, id: number): boolean =>
  members.split(' ').some((member) => member.startsWith(`${id}=`));
