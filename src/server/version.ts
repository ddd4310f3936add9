/** The version of the product, from its package. */
import { readFileSync } from 'node:fs';

/** Two levels up, both from the sources and from what is built of them. */
const packageFile = new URL('../../package.json', import.meta.url);

export function productVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  return version;
}
