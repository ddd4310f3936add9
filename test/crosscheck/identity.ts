/** ZooKeeper's text form of a digest identity (`DigestAuthenticationProvider.generateDigest`). */
import { createHash } from 'node:crypto';

export function digestId(user: string, password: string): string {
  const hash = createHash('sha1').update(`${user}:${password}`).digest('base64');
  return `${user}:${hash}`;
}
