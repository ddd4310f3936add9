/** What keeps a node from a quorum, as far as its links tell: words for whoever waits for it. */
import type { PeerLink } from '../transport/transport.ts';
import type { ZabStatus } from '../zab/index.ts';

export interface Acquaintance {
  readonly self: number;
  /** The configuration in force; a life that it does not name is not known. */
  readonly members: ZabStatus['members'];
  /** The members that are connected now. */
  readonly links: ReadonlyMap<number, PeerLink>;
  /** Where each member is looked for, `host:port`, as far as it is known. */
  readonly addresses?: ReadonlyMap<number, string>;
}

const ANOTHER_DIRECTORY = 'its data directory is not the one that the ensemble was born with';

/** True of a voter that is another one than the ensemble counts: its data directory was lost or replaced. */
export function isStranger(
  id: number,
  incarnation: string,
  members: ZabStatus['members'],
): boolean {
  const known = members.find((member) => member.id === id);
  if (known?.role !== 'voter') return false;
  return known.incarnation !== '' && known.incarnation !== incarnation;
}

/** What the operators of both ends are told of such a node. */
export function strangerText(who: string): string {
  return (
    `${who} has no vote: ${ANOTHER_DIRECTORY}. It follows and serves clients, but counts for no ` +
    'majority; only with its former data directory does it vote again.'
  );
}

/** Which voters are missing, to be put behind other words; empty where none is. */
export function absentText({ self, members, links, addresses }: Acquaintance): string {
  const voters = members.filter(({ id, role }) => role === 'voter' && id !== self);
  const nameOf = (id: number): string => {
    const address = addresses?.get(id);
    return address === undefined ? String(id) : `${id} (${address})`;
  };
  const absent = voters.filter(({ id }) => !links.has(id)).map(({ id }) => nameOf(id));
  const strangers = voters.filter(({ id }) => {
    const link = links.get(id);
    return link !== undefined && isStranger(id, link.incarnation, members);
  });
  const texts = strangers.map(({ id }) => `node ${id} has no vote, ${ANOTHER_DIRECTORY}`);
  if (absent.length > 0) {
    const nodes = absent.length === 1 ? 'node' : 'nodes';
    const are = `${nodes} ${absent.join(', ')} ${absent.length === 1 ? 'is' : 'are'} not connected`;
    texts.unshift(
      isBorn(members, links) ? are : `an ensemble begins with all that vote, and ${are}`,
    );
  }
  return texts.map((text) => `; ${text}`).join('');
}

function isBorn(members: ZabStatus['members'], links: ReadonlyMap<number, PeerLink>): boolean {
  if (members.some(({ incarnation }) => incarnation !== '')) return true;
  return [...links.values()].some(({ clusterId }) => clusterId !== undefined);
}
