/**
 * How a refusal names the limit that it is due to: the number, the name that `--limit NAME=VALUE` takes, and what
 * the client can do. One table, so that no refusal lacks any of them.
 */
import type { Limits } from './limits.ts';

const later = 'repeat the request later, or ask another node';
const divide = 'divide it into several requests';
const pages = 'ask for pages with "limit"';
const makeRoom = 'delete what is not needed';
const endSome = 'end some of them first';

/** What the client can do whose request meets a limit. A limit that refuses nothing is not in it. */
const advice = {
  znodeDataBytesMax: 'divide it among several znodes',
  pathLengthMax: 'use shorter names',
  aclEntriesMax: 'use fewer entries',
  aclsMax: 'use an ACL that other znodes have',
  uploadsMax: later,
  uploadsPerClientMax: 'wait for the answers of some first',
  uploadBytesMax: later,
  uploadBytesPerClientMax: 'wait for the answers of some first',
  uploadStallMs: 'send the body without a pause',
  uploadBytesPerSecondMin: 'send the body faster',
  jsonDepthMax: 'nest them less',
  multiOperationsMax: divide,
  transactionBytesMax: divide,
  transactionPathsMax: divide,
  sessionEphemeralsMax: 'delete some, or create others in a second session',
  childrenUnpagedMax: pages,
  pageEntriesMax: 'ask for smaller pages',
  answerBytesMax: pages,
  treeNodesMax: makeRoom,
  treeBytesMax: makeRoom,
  sessionsMax: 'end sessions that are not needed',
  connectionsMax: later,
  connectionsPerClientMax: 'close some of them first',
  watchesPerStreamMax: 'remove some, or watch a subtree with one watch (mode persistent-recursive)',
  watchesPerClientMax: 'remove some of them first',
  watchesMax: 'remove some, or connect to another node',
  identitiesMax: 'give fewer credentials',
  streamsMax: later,
  streamsPerClientMax: endSome,
  outstandingTransactionsMax: later,
  outstandingBytesMax: later,
  forwardedRequestsMax: later,
  forwardedBytesMax: later,
  zxidWaitsMax: later,
  streamRequestsMax: 'wait for the answers of some first',
  frameMessagesMax: 'divide them among several frames',
  unreadAnswerBytesMax: 'read the answers as they come',
  idempotencyKeyLengthMax: 'use a shorter key',
  requestTimeoutMs: 'repeat the request',
  connectTimeoutMs: 'send a connect at once',
} as const satisfies Readonly<Partial<Record<keyof Limits, string>>>;

/** The limits that a refusal may be due to. */
export type RefusingLimit = keyof typeof advice;

export const refusingLimits = Object.keys(advice) as readonly RefusingLimit[];

/** The number of a limit and its name, to stand inside a sentence: `1000 (limit multiOperationsMax)`. */
export function namedLimit<N extends RefusingLimit>(limits: Pick<Limits, N>, name: N): string {
  return `${String(limits[name])}${name.endsWith('Ms') ? ' ms' : ''} (limit ${name})`;
}

/** `1000 (limit multiOperationsMax); divide it into several requests`. */
export function limitWithAdvice<N extends RefusingLimit>(
  limits: Pick<Limits, N>,
  name: N,
  instead: string = advice[name],
): string {
  return `${namedLimit(limits, name)}; ${instead}`;
}

/**
 * The end of a refusal: `the limit of 1000 (limit multiOperationsMax); divide it into several requests`.
 * @param instead what to do, where that depends on the request
 */
export function limitText<N extends RefusingLimit>(
  limits: Pick<Limits, N>,
  name: N,
  instead?: string,
): string {
  return `the limit of ${limitWithAdvice(limits, name, instead)}`;
}
