/** How a znode's stat looks in headers: entity tags, `Zk-Stat` (a dictionary of RFC 9651). */
import type { Stat } from '../../protocol/model.ts';

/** Of the data alone: changes whenever the bytes do, a re-creation included. */
export function dataTag(stat: Stat): string {
  return `"${stat.version}.${stat.czxid}"`;
}

/** Of a JSON form that shows the stat too, which children and ACL also change. */
export function statTag(stat: Stat): string {
  return `"${stat.version}.${stat.czxid};${stat.cversion}.${stat.aversion}"`;
}

export function childrenTag(stat: Stat): string {
  return `"${stat.cversion}.${stat.czxid}"`;
}

export function aclTag(stat: Stat): string {
  return `"${stat.aversion}.${stat.czxid}"`;
}

export function statHeader(stat: Stat): string {
  const ttl = stat.ttlMs === undefined ? '' : `, ttl=${stat.ttlMs}`;
  return (
    `czxid=${stat.czxid}, mzxid=${stat.mzxid}, pzxid=${stat.pzxid}, ctime=${stat.ctime}, ` +
    `mtime=${stat.mtime}, version=${stat.version}, cversion=${stat.cversion}, ` +
    `aversion=${stat.aversion}, ephemeral-owner=${stat.ephemeralOwner}, ` +
    `data-length=${stat.dataLength}, num-children=${stat.numChildren}, kind=${stat.kind}${ttl}`
  );
}
