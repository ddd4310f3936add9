/** What can be broken on the way of a request, and of an event. */
import type { Mutation } from '../../support/mutations/mutation.ts';

export const requestMutants: readonly Mutation[] = [
  {
    name: 'forwardedBytesStay',
    rule: 'What counts against a limit is given back when it is over.',
    edits: [
      {
        file: 'replica/forwarder.ts',
        find: 'this.#bytes -= bytes;\n      // A quorum',
        replace: '// A quorum',
      },
    ],
  },
  {
    name: 'refuseWithoutBarrier',
    rule: 'A refusal is told only when all that it was judged against is committed, by who still leads then.',
    edits: [
      {
        file: 'replica/acceptance.ts',
        find: "if (!isStatement || saysNothingOfTheTree(error.code)) return 'final';",
        replace: "return 'final';",
      },
    ],
  },
  {
    name: 'localLinearizableReads',
    rule: 'A linearizable read is answered after a quorum has confirmed the leader.',
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: "if (needOf(message) === 'leader' || this.#mustConfirm(pending)) this.#awaitRead(pending);",
        replace: 'if (this.#mustConfirm(pending)) this.#awaitRead(pending);',
      },
    ],
  },
  {
    name: 'readBeforeApplied',
    rule: 'A confirmed read waits until this node has applied what was committed when it was asked.',
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: 'if (zxid > this.#core.zxid) this.#waiters.add(zxid, pending);\n    else this.#zxidReached(pending);',
        replace: 'this.#zxidReached(pending);',
      },
    ],
  },
  {
    name: 'minZxidIgnored',
    rule: 'Who names a zxid is not shown an older state.',
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: 'if (minZxid <= this.#core.zxid) {',
        replace: 'if (minZxid >= 0) {',
      },
    ],
  },
  {
    name: 'matchByBareZxid',
    rule: 'A write is answered by its own record, of its own epoch.',
    edits: [
      {
        file: 'replica/forwarder.ts',
        find: 'const open = [...this.#open()];\n    this.#proposed.drain();',
        replace: `const kept = new Set();
    for (let index = 0; index < this.#proposed.length; index++) {
      kept.add(this.#proposed.at(index)?.request.pending);
    }
    const open = [...this.#open()].filter((pending) => !kept.has(pending));`,
      },
      // What is kept counts on, so that nothing but the answer is wrong.
      {
        file: 'replica/forwarder.ts',
        find: 'this.#bytes = 0;',
        replace: `this.#bytes = 0;
    for (let index = 0; index < this.#proposed.length; index++) {
      this.#bytes += this.#proposed.at(index)?.request.bytes ?? 0;
    }`,
      },
      {
        file: 'replica/forwarder.ts',
        find: "assert(head.zxid === zxid, 'a write is answered by its own record');",
        replace: '',
      },
      {
        file: 'replica/pipeline.ts',
        find: "assert(pending.zxid === zxid, 'a request is answered by its own transaction');",
        replace: '',
      },
    ],
  },
  {
    name: 'heldIsSentTwice',
    rule: 'A request that was held until there is a leader is forwarded once.',
    edits: [
      {
        file: 'replica/pipeline.ts',
        find: 'for (const pending of this.#heldAlone.drain()) this.#acceptAlone(pending);',
        replace: `for (const pending of this.#heldAlone.drain()) {
      this.#acceptAlone(pending);
      if (this.#availability.state === 'serving') this.#acceptAlone(pending);
    }`,
      },
    ],
  },
  {
    name: 'frameSentTwice',
    rule: 'A request is forwarded once.',
    edits: [
      {
        file: 'replica/forwarder.ts',
        find: 'for (const part of framesOf(messages)) {',
        replace: 'for (const part of [...framesOf(messages), ...framesOf(messages)]) {',
      },
    ],
  },
  {
    name: 'lostIsNotApplied',
    rule: 'What was handed to the disk or to another node may be done: whoever loses its leader says unknown.',
    edits: [
      {
        file: 'replica/request-path.ts',
        find: 'for (const pending of notApplied) pending.proposed = false;',
        replace: 'for (const pending of [...unknown, ...notApplied]) pending.proposed = false;',
      },
    ],
  },
  {
    name: 'forwardedIsNotApplied',
    rule: 'What was forwarded may be done: whoever loses its leader says unknown.',
    edits: [
      {
        file: 'replica/forwarder.ts',
        find: 'pending.proposed = logged;',
        replace: '',
      },
    ],
  },
  {
    name: 'lostIsNeverAnswered',
    rule: 'Every request is answered, also when its leader is lost.',
    edits: [
      {
        file: 'replica/forwarder.ts',
        find: 'for (const pending of open) this.#hooks?.failed(pending, lostError(pending));',
        replace: '',
      },
    ],
  },
  {
    name: 'keepOutstanding',
    rule: 'What was outstanding in one reign is not judged against in the next.',
    edits: [
      {
        file: 'replica/proposer.ts',
        find: 'this.#prep = prep;',
        replace: 'this.#prep = this.kept ??= prep;',
      },
      {
        file: 'replica/proposer.ts',
        find: '#prep: Prep | undefined;',
        replace: '#prep: Prep | undefined; kept: Prep | undefined;',
      },
    ],
  },
  {
    name: 'idempotencyLostInSnapshot',
    rule: 'A snapshot holds the answers that are remembered for idempotency keys.',
    edits: [
      {
        file: 'replica/snapshots.ts',
        find: 'this.#answers = state.idempotency.entries();',
        replace: 'this.#answers = [];',
      },
    ],
  },
  {
    name: 'idempotencyOfAppliedOnly',
    rule: 'A request that is repeated while the first one is under way is not done again.',
    edits: [
      {
        file: 'replica/acceptance.ts',
        find: 'const first = this.#keysInFlight.get(wanted.key);',
        replace: 'const first = undefined;',
      },
    ],
  },
  {
    name: 'dropEventsOfSlowReader',
    rule: 'A stream whose client reads slowly has its events later, and all of them.',
    edits: [
      {
        file: 'replica/events.ts',
        find: 'return stream.lagging;',
        replace: 'return stream.lagging || stream.blocked;',
      },
      {
        file: 'replica/events.ts',
        find: 'if (!stream.lagging && stream.blocked) this.startLagging(stream, this.#zxid - 1);',
        replace: '',
      },
    ],
  },
  {
    name: 'answerBeforeEvent',
    rule: 'The event of a change is told before any answer that shows the change.',
    edits: [
      {
        file: 'replica/drive.ts',
        find: 'if (transaction !== undefined) this.#events.deliver(record.zxid, transaction);',
        replace: '',
      },
      {
        file: 'replica/drive.ts',
        find: 'this.#hooks?.applied(record, transaction, entry.pending);',
        replace: `this.#hooks?.applied(record, transaction, entry.pending);
    if (transaction !== undefined) this.#events.deliver(record.zxid, transaction);`,
      },
    ],
  },
  {
    name: 'answerOvertakesReplay',
    rule: 'An answer waits for the events that its stream has not been told yet.',
    edits: [{ file: 'replica/outbox.ts', find: 'if (stream.lagging) {', replace: 'if (false) {' }],
  },
  {
    name: 'replayTwice',
    rule: 'A resumed stream is told of each event once.',
    edits: [
      {
        file: 'replica/attachments.ts',
        find: 'this.#events.startLagging(stream, from);',
        replace: 'this.#events.startLagging(stream, Math.max(0, from - 1));',
      },
    ],
  },
  {
    name: 'resumeSkipsOne',
    rule: 'A resumed stream is told of everything after the zxid that it names.',
    edits: [
      {
        file: 'replica/attachments.ts',
        find: 'this.#events.startLagging(stream, from);',
        replace: 'this.#events.startLagging(stream, from + 1);',
      },
    ],
  },
  {
    name: 'silentBeyondRing',
    rule: 'Who resumes from before what is remembered is told so.',
    edits: [
      {
        file: 'replica/events.ts',
        find: 'if (!ring.canResumeFrom(stream.cursor)) {',
        replace: `if (!ring.canResumeFrom(stream.cursor)) {
      stream.cursor = ring.oldestResumeZxid;
      return;
    }
    if (false) {`,
      },
    ],
  },
  {
    name: 'silentAfterSnapshot',
    rule: 'Who jumps to a later state by a snapshot tells its streams of what lies between.',
    edits: [
      {
        file: 'replica/events.ts',
        find: 'this.startLagging(stream, before);',
        replace: 'this.startLagging(stream, this.#core.zxid);',
      },
    ],
  },
  {
    name: 'oneShotStays',
    rule: 'A one-shot watch is told of one event.',
    edits: [
      {
        file: 'sessions/watch-table.ts',
        find: 'return fires ? mask & ~rule.consumes : mask;',
        replace: 'return mask;',
      },
    ],
  },
  {
    name: 'noChildEventOfDeletion',
    rule: 'A deletion changes the children of the parent, and is told to who watches them.',
    edits: [
      {
        file: 'sessions/watch-table.ts',
        find: "return kind === 'create' || kind === 'delete';",
        replace: "return kind === 'create';",
      },
    ],
  },
];
