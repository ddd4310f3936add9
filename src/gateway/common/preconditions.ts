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
const versionPattern = /^(-?[0-9]{1,10})(?:\.([0-9]{1,16}))?(?:;.*)?$/;

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
      throw new CoordinationError('BADARGUMENTS', `${name}: ${shown} is no list of entity tags`);
    }
    tags.push({ weak: match[1] !== undefined, opaque: match[2] ?? match[3] ?? '' });
    position = tagPattern.lastIndex;
    emptyRest.lastIndex = position;
  } while (!emptyRest.test(text));
  return tags;
}

/**
 * The condition of an `If-Match`: strong comparison, so weak tags never match, and neither do tags that
 * are none of ours. A version without a czxid is ZooKeeper's plain version check, -1 any version.
 */
export function conditionOfTags(tags: EntityTags): VersionCondition {
  if (tags === '*') return 'exists';
  const alternatives: { version: number; czxid?: number }[] = [];
  for (const { weak, opaque } of tags) {
    const match = weak ? null : versionPattern.exec(opaque);
    if (match === null) continue;
    const version = Number(match[1]);
    if (match[2] !== undefined) alternatives.push({ version, czxid: Number(match[2]) });
    else if (version === -1) return 'exists';
    else alternatives.push({ version });
  }
  return alternatives;
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
