/**
 * Entity tags in conditions (RFC 9110, 8.8.3 and 13.1) and their meaning as ZooKeeper's version checks.
 * The quotes may be left out, since shells eat them: `If-Match: 3`.
 */
import { CoordinationError } from '../../protocol/errors.ts';
import type { VersionCondition } from '../../protocol/operations.ts';

export interface EntityTag {
  readonly weak: boolean;
  /** What stands between the quotes. */
  readonly opaque: string;
}

export type EntityTags = '*' | readonly EntityTag[];

// Empty elements of a list count for nothing (RFC 9110, 5.6.1.2).
const tagPattern =
  /[ \t,]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"|(-?[0-9]+(?:\.[0-9]+)?(?:;-?[0-9]+\.-?[0-9]+)?))[ \t]*(?:,|$)/y;
const emptyRest = /[ \t,]*$/y;
/** `<version>.<czxid>`, or the version alone. */
const versionPattern = /^(-?[0-9]{1,10})(?:\.([0-9]{1,16}))?$/;
/** What the tags of `/stat` and of the JSON form have behind that: `;<cversion>.<aversion>`. */
const statPart = /;-?[0-9]{1,10}\.-?[0-9]{1,10}$/;

/**
 * @param name what to call the text in an error, for example `If-Match`
 * @throws CoordinationError BADARGUMENTS when it is neither `*` nor a list of entity tags
 */
export function parseEntityTags(text: string, name: string): EntityTags {
  if (text.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  let position = 0;
  do {
    tagPattern.lastIndex = position;
    const match = tagPattern.exec(text);
    if (match === null) {
      const shown = JSON.stringify(text.slice(0, 100));
      const detail = `${name}: ${shown} is no list of entity tags, which look like "3.117" or 3`;
      throw new CoordinationError('BADARGUMENTS', detail);
    }
    tags.push({ weak: match[1] !== undefined, opaque: match[2] ?? match[3] ?? '' });
    position = tagPattern.lastIndex;
    emptyRest.lastIndex = position;
  } while (!emptyRest.test(text));
  return tags;
}

/** Whose version a condition is about. */
export type Facet = 'data' | 'acl';

type Alternative = Exclude<VersionCondition, 'exists' | undefined>[number];

/**
 * The condition of an `If-Match`: strong comparison. A version without a czxid is ZooKeeper's plain version
 * check, -1 any version. Of a list, the tags that can match count.
 * @param name what to call the header or field in an error
 * @throws CoordinationError BADARGUMENTS where no tag can ever match, which a mismatch would hide
 */
export function conditionOfTags(tags: EntityTags, name: string, facet: Facet): VersionCondition {
  if (tags === '*') return 'exists';
  const read = tags.map((tag) => alternativeOf(tag, facet));
  const alternatives = read.filter((one): one is Alternative => typeof one === 'object');
  if (alternatives.some(({ version, czxid }) => version === -1 && czxid === undefined)) {
    return 'exists';
  }
  if (alternatives.length > 0) return alternatives;
  const [problem] = read as readonly string[];
  throw new CoordinationError('BADARGUMENTS', `${name}: can never match: ${problem ?? ''}`);
}

/** What a tag stands for, or why it can never match. */
function alternativeOf({ weak, opaque }: EntityTag, facet: Facet): Alternative | string {
  const shown = JSON.stringify(opaque.slice(0, 100));
  if (weak) return `W/${shown} is weak, and a write compares strongly; leave out the W/`;
  const isStatTag = statPart.test(opaque);
  if (isStatTag && facet === 'acl') {
    return `${shown} is an ETag of /stat or of the JSON form; take that of GET /acl`;
  }
  const match = versionPattern.exec(isStatTag ? opaque.replace(statPart, '') : opaque);
  const version = Number(match?.[1]);
  // Versions have 32 bits.
  if (match === null || (version | 0) !== version) {
    return `${shown} is no ETag of this service, which looks like "3.117", nor a version, like "3"`;
  }
  return match[2] === undefined ? { version } : { version, czxid: Number(match[2]) };
}

/** The condition of a `version` parameter. */
export function conditionOfVersion(version: number): VersionCondition {
  return version === -1 ? 'exists' : [{ version }];
}

/** Whether `If-None-Match` names `tag`, which comes with its quotes: weak comparison. */
export function namesTag(tags: EntityTags, tag: string): boolean {
  if (tags === '*') return true;
  const opaque = tag.slice(1, -1);
  return tags.some((candidate) => candidate.opaque === opaque);
}
