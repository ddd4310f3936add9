/** What the process tells whoever started it. */
export const ExitStatus = {
  OK: 0,
  /** It could not start or not stop in time; or, of an offline command, something is damaged. */
  FAILED: 1,
  /** The command line or the configuration is wrong. */
  USAGE: 2,
  /** A broken invariant, a failed disk, a fault of the program (`EX_SOFTWARE` of sysexits.h). */
  FATAL: 70,
} as const;

export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];
