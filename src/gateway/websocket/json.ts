/**
 * JSON text by concatenation, for what is answered most. `JSON.stringify` walks an object's shape anew each
 * time; these know it. A test holds them to what `JSON.stringify` would write.
 */
import type { Stat } from '../../protocol/model.ts';

// What a JSON string must escape. Lone surrogates are not among it: paths, names and decoded data hold none.
const needsEscape = /["\\\u0000-\u001f]/;

/** A well-formed text as a JSON string. */
export function quoted(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

export function statText(stat: Stat): string {
  const ttl = stat.ttlMs === undefined ? '' : `,"ttlMs":${stat.ttlMs}`;
  return (
    `{"czxid":${stat.czxid},"mzxid":${stat.mzxid},"pzxid":${stat.pzxid},"ctime":${stat.ctime},` +
    `"mtime":${stat.mtime},"version":${stat.version},"cversion":${stat.cversion},` +
    `"aversion":${stat.aversion},"ephemeralOwner":${stat.ephemeralOwner},` +
    `"dataLength":${stat.dataLength},"numChildren":${stat.numChildren},"kind":"${stat.kind}"${ttl}}`
  );
}
