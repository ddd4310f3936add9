/**
 * What a client may rely on because ZooKeeper's clients do, line by line. Tests are named after the line
 * that they show, so that `checklist.test.ts` can tell which lines nobody shows.
 */
export const checklist = {
  1: 'seen cversion after three creations and one deletion is 4, the next sequence is 3',
  2: 'a sequence counts the children that are not sequential too',
  3: 'a sequence starts again when its parent is made again',
  4: 'a failed create uses up no number, and a multi that is rolled back gives them back',
  5: "a creation leaves the parent's mzxid as it is",
  6: 'setAcl leaves mzxid and mtime, raises aversion and fires nothing',
  7: 'the root and what is reserved cannot be deleted: BADARGUMENTS',
  8: 'a deletion is refused with BADVERSION before NOTEMPTY',
  9: 'a deletion needs DELETE on the parent and nothing else',
  10: 'there are no children below an ephemeral, in the same multi either',
  11: 'a failed multi says OK before, the code at and RUNTIMEINCONSISTENCY after, and applies nothing',
  12: 'a multi has one zxid, and its events come in the order of its operations',
  13: 'an exists watch on a missing znode fires NodeCreated, withheld where the new ACL forbids it',
  14: 'a get of a missing znode leaves no watch',
  15: 'a data and a child watch on a deleted znode yield one NodeDeleted',
  16: 'a persistent watch survives deletion and creation',
  17: 'a recursive watch never sees NodeChildrenChanged, and sees its own znode',
  18: 'one-shot watches are compared with the state on resume, by the matrix of setWatches',
  19: 'an event comes before the answer that shows its change',
  20: 'write, write, read on one stream of a follower: each sees what was before it',
  21: 'a session ends between its timeout and one tick later',
  22: 'the end of a session leaves nothing of an ephemeral create that was in flight',
  23: 'a client that has seen more than this node has is not served by it',
  24: 'of two connections that go on with a session the last wins, the other is closed',
  25: 'a container goes after it has had a child, within the interval, and no other in its place',
  26: 'a write renews a TTL, and children protect from it',
  27: 'version -1 is any version, and counting skips it',
  28: "a digest identity is ZooKeeper's",
  29: 'the scheme auth becomes the identities of the caller',
  30: 'an ACL is shown without hashes to whoever may not administer it',
  31: 'exists without READ is NOAUTH',
  32: 'a quota counts its root, hard comes before soft',
  33: 'the table of paths',
  34: 'a create is refused in the order of checks',
  35: 'a read after sync shows what another client wrote before; a deposed leader shows nothing stale',
  36: 'refusals keep their place among pipelined writes',
  37: 'reconfiguration: version, in progress, no quorum',
  38: 'a failing observer does not hold up writes',
  39: 'a server without weight never leads',
  40: 'a restart gives back what was there, and every replica the same digest',
} as const;

export type Line = keyof typeof checklist;

/** What one node cannot show, or not whole, or this version does not have, and where it will be shown. */
export const elsewhere: Readonly<Partial<Record<Line, string>>> = {
  20: 'on a follower: with the ensemble; order.test.ts shows it on one node',
  21: 'a change of leader starts every timeout afresh: with the ensemble',
  23: 'with the ensemble; positions.test.ts shows what one node can',
  32: 'with quotas, which this version does not have',
  35: 'after a deposition: with the ensemble',
  37: 'with the ensemble',
  38: 'with the ensemble',
  39: 'with the ensemble',
  40: 'the same digest on all replicas: with the ensemble; restart.test.ts shows it over restarts',
};

/** The name of a test that shows the line. */
export function line(number: Line, detail?: string): string {
  const text = `${checklist[number]} (${String(number)})`;
  return detail === undefined ? text : `${text}: ${detail}`;
}
