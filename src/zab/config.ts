/**
 * The configuration that `epoch` records carry: the members, their roles, and the life of the data
 * directory of each that is counted. UTF-8 JSON, `{"members":[{"id":1,"role":"voter","incarnation":"…"}]}`.
 */
import { assert } from '../protocol/assert.ts';
import type { Member } from './options.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeConfig(members: readonly Member[]): Uint8Array {
  const list = members.map(({ id, role, incarnation }) => ({ id, role, incarnation }));
  return encoder.encode(JSON.stringify({ members: list }));
}

/** @throws InvariantError for anything but such a configuration: its record's checksum was right. */
export function decodeConfig(bytes: Uint8Array): readonly Member[] {
  const value: unknown = JSON.parse(decoder.decode(bytes));
  assert(isObject(value) && Array.isArray(value['members']), 'configuration: it lists its members');
  const members = value['members'].map(memberOf);
  const ids = new Set(members.map(({ id }) => id));
  assert(ids.size === members.length, 'configuration: a member is listed once');
  return members;
}

function memberOf(value: unknown): Member {
  assert(isObject(value), 'configuration: a member is an object');
  const { id, role, incarnation } = value;
  assert(Number.isSafeInteger(id), 'configuration: a member has a number');
  assert(role === 'voter' || role === 'observer', 'configuration: a member has a role');
  assert(typeof incarnation === 'string', 'configuration: a member has an incarnation');
  return { id: Number(id), role, incarnation };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
