/** Addresses that only this machine reaches, and others. */
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True where listening on `host` is listening to this machine alone. */
export function isLoopbackAddress(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** As an authority in a URL: IPv6 in brackets, an address of all interfaces as one that can be called. */
export function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

const everyAddress: readonly string[] = ['0.0.0.0', '::'];

/**
 * What `GET /ensemble` tells clients of a node that is not told it in so many words. Of a node that listens
 * on every address the list of members knows a name by which other machines find it.
 */
export function clientUrlOf(
  {
    clientUrl,
    host,
    id,
    members,
  }: {
    readonly clientUrl?: string;
    readonly host: string;
    readonly id: number;
    readonly members: readonly { readonly id: number; readonly host: string }[];
  },
  port: number,
): string {
  if (clientUrl !== undefined) return clientUrl;
  const own = members.find((member) => member.id === id);
  const useListed = everyAddress.includes(host) && members.length > 1 && own !== undefined;
  return urlOf(useListed ? own.host : host, port);
}
