/** Checks of rules that no run of an ensemble checks, in modules that a mutant can be loaded with. */
import type { DoorMutationName } from '../../support/mutations/doors.ts';
import type { Entry } from '../../support/mutations/load-mutated.ts';
import type { ShieldedMutationName } from '../../support/mutations/shielded.ts';
import * as acls from './acls.ts';
import * as disks from './disks.ts';
import * as doors from './doors.ts';
import * as roles from './roles.ts';
import * as sessions from './sessions.ts';
import * as suspension from './suspension.ts';
import * as waits from './waits.ts';

export type CheckedMutationName = ShieldedMutationName | DoorMutationName;

/** Each throws an AssertionError where the rule of its mutant is broken. */
export type Checks = Readonly<Partial<Record<CheckedMutationName, () => void | Promise<void>>>>;

const modules = { acls, disks, doors, roles, sessions, suspension, waits };

/** The module that has the check of a mutant. @throws Error where there is none */
export function entryOf(name: CheckedMutationName): Entry<{ readonly checks: Checks }> {
  for (const [file, original] of Object.entries(modules)) {
    const url = new URL(`${file}.ts`, import.meta.url);
    if (original.checks[name] !== undefined) return { url, original };
  }
  throw new Error(`there is no check of ${name}`);
}
