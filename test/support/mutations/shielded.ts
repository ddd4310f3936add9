/**
 * Faults that change nothing which anybody sees as long as all the rest is as it should be: another rule stands behind
 * each, or it takes a loss or a moment that is rare. So runs of an ensemble do not find them, or seldom, and each has a
 * check of its own (`test/unit/shielded`).
 */
import type { Mutation } from './mutation.ts';

export const shieldedMutations = [
  {
    name: 'observerGetsUncommitted',
    rule: 'Who is counted by nobody is sent nothing that is not committed.',
    // What was never committed would be cut from its log again, as from that of a voter.
    edits: [
      {
        file: 'zab/streams.ts',
        find: 'return progress.voter ? log.last.zxid : log.committed.zxid;',
        replace: 'return log.last.zxid;',
      },
    ],
  },
  {
    name: 'learnerAcknowledgesSurplus',
    rule: 'A learner acknowledges what its stream gave it, and not what else its disk has.',
    // A leader ignores what it has never sent.
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'return leastPosition(this.#context.log.durable, this.#streamEnd);',
        replace: 'return this.#context.log.durable;',
      },
    ],
  },
  {
    name: 'endedStreamsStayRegistered',
    rule: 'A node that tells anew which streams it has, has no others.',
    // A reign begins with none, and a node whose link was lost is asked for all of them.
    edits: [
      {
        file: 'replica/leader-desk.ts',
        find: `const { node } = link;
    this.#generations.leave(node);`,
        replace: 'const { node } = link;',
      },
    ],
  },
  {
    name: 'streamOutlivesSession',
    rule: 'On a node without a leader a stream ends when its session may have ended elsewhere.',
    // Hardly any run isolates a node for longer than a session's timeout, here and below.
    edits: [
      {
        file: 'replica/suspension.ts',
        find: 'if (untilMs <= nowMs) this.#end(stream);',
        replace: '',
      },
    ],
  },
  {
    name: 'doubtBeginsAtTheLoss',
    rule: 'How long a session surely lives counts from the last sign of life that a leader has counted.',
    edits: [
      {
        file: 'replica/suspension.ts',
        find: 'nowMs + (lives.expiresInMs(session.id) ?? 0)',
        replace: 'nowMs + session.timeoutMs',
      },
    ],
  },
  {
    name: 'suspensionIsNotSpread',
    rule: 'Streams without a session hear of a suspension spread over a while.',
    edits: [
      {
        file: 'replica/suspension.ts',
        find: 'dueMs: nowMs + random() * suspensionSpreadMs',
        replace: 'dueMs: nowMs',
      },
    ],
  },
  {
    name: 'returnIsNotTold',
    rule: 'Who has heard of a suspension hears of its end.',
    edits: [
      {
        file: 'replica/suspension.ts',
        find: "core.outbox.push({ type: 'session', stream: stream.id, state: 'connected' });",
        replace: '',
      },
    ],
  },
  {
    name: 'openedInDoubtIsNotTold',
    rule: 'Who has come during a suspension hears of its end, too.',
    edits: [
      {
        file: 'replica/suspension.ts',
        find: 'stream.openedInDoubt = this.#isSuspended;',
        replace: '',
      },
    ],
  },
  {
    name: 'touchedSessionIsNotJudged',
    rule: 'A heartbeat is answered for the session that it is for, also when another one asks.',
    // Those who ask for others have super rights, and hardly anybody uses them.
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: '[caller.session, touched].find(',
        replace: '[caller.session].find(',
      },
    ],
  },
  {
    name: 'carriersAreNotTold',
    rule: 'A stream whose request has brought a session ends with that session.',
    edits: [
      {
        file: 'replica/attachments.ts',
        find: 'for (const carrier of this.#core.carriers.get(id) ?? []) this.#tellEnd(carrier);',
        replace: '',
      },
    ],
  },
  {
    name: 'lateCarriersAreNotTold',
    rule: 'A stream that opens with a session that has just ended hears of that, too.',
    edits: [
      {
        file: 'replica/attachments.ts',
        find: 'this.#tellEndSoon(stream);',
        replace: 'void stream;',
      },
    ],
  },
  {
    name: 'learnerKnowsLifeItself',
    rule: 'Only the leader knows how long a session lives that is asked about.',
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: "if (operation.type === 'sessionInfo' && this.#authority === this.#forwarder) {",
        replace: 'if (false && this.#authority === this.#forwarder) {',
      },
    ],
  },
  {
    name: 'formerAclsAreNotKept',
    rule: 'An event is judged by the ACL of its time, also when no znode has it any more.',
    edits: [
      {
        file: 'replica/state-machine.ts',
        find: 'this.#formerAcls.add({ id, acl, until: record.zxid });',
        replace: 'void [id, acl];',
      },
    ],
  },
  {
    name: 'formerAclsAreForgottenEarly',
    rule: 'The ACL of an event is kept as long as the event is.',
    edits: [
      {
        file: 'replica/drive.ts',
        find: 'forgetUntil(this.#core.ring.oldestResumeZxid)',
        replace: 'forgetUntil(record.zxid)',
      },
    ],
  },
  {
    name: 'formerAclsLostInSnapshot',
    rule: 'A snapshot holds the ACLs by which events before it are judged.',
    edits: [
      {
        file: 'replica/snapshots.ts',
        find: 'slices(this.#formerAcls,',
        replace: 'slices(this.#formerAcls.slice(0, 0),',
      },
    ],
  },
  {
    name: 'outOfFilesIsFull',
    rule: 'A node that can open no more files is not taken for one with a full disk.',
    edits: [
      {
        file: 'storage/storage.ts',
        find: 'this.#spare.hasFailed && this.outOfFiles === undefined',
        replace: 'this.#spare.hasFailed',
      },
    ],
  },
  {
    name: 'hangingDiskIsReady',
    rule: 'A node whose disk hangs is not ready, also one that serves.',
    edits: [
      {
        file: 'replica/status.ts',
        find: 'if (diskStalledMs > 0) return diskSilenceText(diskStalledMs);',
        replace: '',
      },
    ],
  },
  {
    name: 'moreWorkIsProgress',
    rule: 'A disk that hangs is not taken for one that works because it is given more.',
    edits: [
      {
        file: 'zab/disk-watch.ts',
        find: 'this.#busySinceMs ??= this.#context.nowMs;',
        replace: 'this.#busySinceMs = this.#context.nowMs;',
      },
    ],
  },
  {
    name: 'newestFileNamedTooLate',
    rule: 'What stands in a new file of the log counts when the name of the file is noted elsewhere.',
    // It takes the loss of that very file in the moment between.
    edits: [
      {
        file: 'storage/log-writer.ts',
        find: 'await onSegment({ path, firstZxid });',
        replace: 'void onSegment({ path, firstZxid });',
      },
    ],
  },
  {
    name: 'newestFileIsNotMissed',
    rule: 'A log of which the newest file is missing is damaged, and does not end there.',
    edits: [
      {
        file: 'storage/opening.ts',
        find: 'if ((segments.at(-1)?.firstZxid ?? 0) >= firstZxid) return undefined;',
        replace: 'if (firstZxid >= 0) return undefined;',
      },
    ],
  },
] as const satisfies readonly Mutation[];

export type ShieldedMutationName = (typeof shieldedMutations)[number]['name'];
