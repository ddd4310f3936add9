/** What can be broken in the life of sessions and of those who speak for them. */
import type { Mutation } from '../../support/mutations/mutation.ts';

export const sessionMutants: readonly Mutation[] = [
  {
    name: 'timeoutWraps',
    rule: 'The timeout that is granted is the one in force, however long.',
    edits: [
      {
        file: 'sessions/session-table.ts',
        find: 'readonly timeouts = new Float64Array(PAGE_ROWS);',
        // So narrow that the timeouts of the simulation do not fit.
        replace: 'readonly timeouts = new Uint8Array(PAGE_ROWS);',
      },
    ],
  },
  {
    name: 'deadlinesOfFormerReign',
    rule: 'At a new leader every session has its whole timeout again.',
    edits: [
      {
        file: 'replica/lives.ts',
        find: 'this.#expiry.restart(this.#core.state.sessions, this.#core.clock.monotonicMs());',
        replace: '',
      },
    ],
  },
  {
    name: 'pauseCounts',
    rule: 'While a leader stands still nobody is silent.',
    edits: [
      {
        file: 'sessions/expiry-queue.ts',
        find: 'if (lateMs > this.#tickMs) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'expireBeforeTimeout',
    rule: 'A session ends only after its whole timeout.',
    edits: [
      {
        file: 'sessions/expiry-queue.ts',
        find: 'const bucket = Math.floor((time + timeoutMs) / this.#tickMs) + 1;',
        replace: 'const bucket = Math.floor((time + timeoutMs) / this.#tickMs);',
      },
    ],
  },
  {
    name: 'requestIsNoSignOfLife',
    rule: "Everything that comes from a session's client is a sign of its life.",
    edits: [
      {
        file: 'replica/request-path.ts',
        find: 'if (message.unprompted !== true) this.#attachments.touch(stream);',
        replace: '',
      },
    ],
  },
  {
    name: 'learnersSignsIgnored',
    rule: 'A leader counts the signs of life that other nodes have heard.',
    edits: [
      {
        file: 'replica/leader-desk.ts',
        find: 'for (const [session, ageMs] of message.sessions) this.#lives.touchAgo(session, ageMs);',
        replace: '',
      },
    ],
  },
  {
    name: 'promiseLifeUnassured',
    rule: 'A leader promises a session only the life that its successor would keep.',
    edits: [
      {
        file: 'replica/lives.ts',
        find: 'return (isAlone ? nowMs : this.#assuredMs) + timeoutMs - nowMs;',
        replace: 'return timeoutMs;',
      },
    ],
  },
  {
    name: 'promiseLifeUnconfirmed',
    rule: 'A node promises a session only the life that the leader has confirmed.',
    edits: [
      {
        file: 'replica/lives.ts',
        find: 'this.#heard.set(id, nowMs);',
        replace: 'this.#heard.set(id, nowMs); this.#confirmed.set(id, nowMs);',
      },
    ],
  },
  {
    name: 'olderAttachmentWrites',
    rule: 'Only the newest attachment of a session may write.',
    edits: [
      {
        file: 'replica/leader-desk.ts',
        find: 'if (generation !== undefined && isLive && !this.#generations.isCurrent(session, generation)) {',
        replace: 'if (false) {',
      },
      {
        file: 'replica/acceptance.ts',
        find: 'if (stream !== undefined && this.#isOlder(stream)) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'attachmentCountsWhenApplied',
    rule: 'An older attachment is refused from the moment the newer one is proposed.',
    edits: [
      {
        file: 'replica/generations.ts',
        find: 'const newest = this.#outstanding.get(session) ?? this.#applied.sessions.generationOf(session);',
        replace: 'const newest = this.#applied.sessions.generationOf(session);',
      },
    ],
  },
  {
    name: 'olderStreamStays',
    rule: 'An older stream of a session ends when a newer one is attached.',
    edits: [
      {
        file: 'replica/attachments.ts',
        find: 'if (stream !== undefined && stream.generation < generation) this.moved(stream);',
        replace: '',
      },
    ],
  },
  {
    name: 'closingSessionWrites',
    rule: 'A session that has ended does nothing any more.',
    edits: [
      {
        file: 'tree/prep.ts',
        find: 'if (known && !this.outstanding.isClosing(session)) return;',
        replace: 'if (known) return;',
      },
    ],
  },
  {
    name: 'closeForgetsOutstanding',
    rule: 'A session takes all its ephemerals with it, also those that are being created.',
    edits: [
      {
        file: 'tree/judge-delete.ts',
        find: 'const paths = [...outstanding.ephemeralCandidates(session)].sort();',
        replace: 'const paths = draft.tree.ephemeralsOf(session);',
      },
    ],
  },
  {
    name: 'closeLeavesOneEphemeral',
    rule: 'A session takes all its ephemerals with it.',
    edits: [
      {
        file: 'tree/judge-delete.ts',
        find: 'for (const path of paths) {\n    const node = draft.find(path);\n    if (node?.ephemeralOwner',
        replace:
          'for (const path of paths.slice(0, 2)) {\n    const node = draft.find(path);\n    if (node?.ephemeralOwner',
      },
    ],
  },
  {
    name: 'expiredIsToldEarly',
    rule: 'A session is over when its end is committed, and not before.',
    edits: [
      {
        file: 'replica/acceptance.ts',
        find: "const isStatement = isWriteLike(pending.operation) || error.code === 'SESSIONEXPIRED';",
        replace:
          "const isStatement = isWriteLike(pending.operation) && error.code !== 'SESSIONEXPIRED';",
      },
    ],
  },
  {
    name: 'sessionJudgedAtArrival',
    rule: 'The session of a request is judged again when the request is answered.',
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: 'if (stream === undefined && this.#awaitsEnd(pending)) return;',
        replace: '',
      },
    ],
  },
  {
    name: 'lonelinessIsNotTold',
    rule: 'A stream hears when its node has been without a leader for longer than the peer timeout.',
    edits: [
      {
        file: 'replica/suspension.ts',
        find: 'if (!this.#isSuspended && nowMs - this.#lostMs >= this.#patienceMs) this.#suspend(nowMs);',
        replace: '',
      },
    ],
  },
  {
    name: 'everyElectionIsTold',
    rule: 'An election that is shorter than the peer timeout is not told.',
    edits: [
      {
        file: 'replica/suspension.ts',
        find: 'nowMs - this.#lostMs >= this.#patienceMs',
        replace: 'nowMs > this.#lostMs',
      },
    ],
  },
  {
    name: 'generationLostInSnapshot',
    rule: 'A snapshot holds which attachment of a session is the newest.',
    edits: [
      {
        file: 'sessions/session-table.ts',
        find: '#insert(row: SessionRow): void {',
        replace:
          '#insert(given: SessionRow): void {\n    const row = { ...given, generation: given.id };',
      },
      {
        file: 'replica/snapshots.ts',
        find: 'if (digest !== header.digest) {',
        replace: 'if (false) {',
      },
    ],
  },
];
