/** What can be broken between the log and the disk. */
import type { Mutation } from '../../support/mutations/mutation.ts';

export const storageMutants: readonly Mutation[] = [
  {
    name: 'reportBeforeWritten',
    rule: 'Records are said to be durable when their sync has ended.',
    edits: [
      {
        file: 'storage/log-writer.ts',
        find: 'let bytes = batchHeaderBytes;',
        replace: 'this.#report(position); let bytes = batchHeaderBytes;',
      },
    ],
  },
  {
    name: 'carryOnAfterDiskError',
    rule: 'Who cannot write its log ends; it never tries again.',
    edits: [
      {
        file: 'storage/log-writer.ts',
        find: '.catch((error: unknown) => this.fail(errorOf(error)))',
        replace: '.catch(() => undefined)',
      },
    ],
  },
  {
    name: 'promiseNameNotSynced',
    rule: 'A file that is renamed into its place is there after a loss of power only when its directory is synced.',
    edits: [
      { file: 'storage/twin-file.ts', find: "await this.#disk.syncDirectory('');", replace: '' },
    ],
  },
  {
    name: 'promiseNotSynced',
    rule: 'The bytes of a promise are synced before its file has its name.',
    edits: [
      {
        file: 'storage/twin-file.ts',
        find: `const file = await this.#disk.open(temporary(path), 'create');
    try {
      await file.write(0, bytes);
      await file.sync();`,
        replace: `const file = await this.#disk.open(temporary(path), 'create');
    try {
      await file.write(0, bytes);`,
      },
    ],
  },
  {
    name: 'olderPromiseWins',
    rule: 'Of two copies of a promise the later one is true.',
    edits: [
      {
        file: 'storage/twin-file.ts',
        find: 'if (value === undefined || copy.generation > this.#generation) {',
        replace: 'if (value === undefined || copy.generation < this.#generation) {',
      },
      // Both copies are the same before anybody hears of it, unless they are written in turn.
      {
        file: 'storage/twin-file.ts',
        find: 'const paths = suffixes.map((suffix) => this.#name + suffix);',
        replace: "const paths = [this.#name + (this.#generation % 2 === 0 ? '.a' : '.b')];",
      },
    ],
  },
  {
    name: 'forgetDamagedPromise',
    rule: 'A promise is remembered as long as one of its copies can be read.',
    edits: [
      {
        file: 'storage/opening.ts',
        find: 'promise: found.promise.value,',
        replace: `promise: found.promise.damage.length > 0 && found.promise.value !== undefined
      ? { ...found.promise.value, epoch: end.position.epoch }
      : found.promise.value,`,
      },
    ],
  },
  {
    name: 'damagedLogIsShort',
    rule: 'A log with a hole is damaged, and does not end there.',
    edits: [
      {
        file: 'storage/log-recovery.ts',
        find: "if (tail.kind === 'corrupt') {",
        replace: 'if (false) {',
      },
      {
        file: 'storage/log-recovery.ts',
        find: 'to: tail.end, alarm };',
        replace: 'to: tail.end ?? offset, alarm };',
      },
    ],
  },
  {
    name: 'checksumUnchecked',
    rule: 'What a loss of power has torn is not taken for a record: its checksum is compared.',
    edits: [
      {
        file: 'storage/segment-reader.ts',
        find: 'if (!decoded.ok) {',
        replace: `if (!decoded.ok) {
        this.#end = { position: { ...end.position, zxid: header.firstZxid + header.count - 1 }, chain: header.chainAfter };
        this.#offset += batchHeaderBytes + header.bytes;
        return true;
      }
      if (false) {`,
      },
    ],
  },
  {
    name: 'tornTailStays',
    rule: 'What an interrupted write has left behind the log is erased before something else stands there.',
    edits: [
      {
        file: 'storage/opening.ts',
        find: 'if (log.torn !== undefined) await eraseTail(disk, log.torn);',
        replace: '',
      },
      // Written over, its remains are not taken for a batch, having no header.
      {
        file: 'storage/log-recovery.ts',
        find: 'this.torn = { path, from: offset, to: tail.end, alarm };',
        replace: `this.torn = { path, from: offset, to: tail.end, alarm };
    this.current = { path, offset: tail.end, capacity: size, salt: reader.header.salt };`,
      },
    ],
  },
  {
    name: 'doubtfulTailCounts',
    rule: 'What a killed process has left in the memory of the kernel is synced before it counts as durable.',
    edits: [
      {
        file: 'storage/opening.ts',
        find: 'if (log.doubtful !== undefined) await secureTail(disk, log.doubtful);',
        replace: '',
      },
    ],
  },
  {
    name: 'truncationNotSynced',
    rule: 'What was cut off does not come back after a loss of power.',
    edits: [
      {
        file: 'storage/log-truncation.ts',
        find: `await disk.rename(rewrittenPath, segment.path);
    await disk.syncDirectory(logDirectory);`,
        replace: 'await disk.rename(rewrittenPath, segment.path);',
      },
    ],
  },
  {
    name: 'truncationLeavesLaterSegments',
    rule: 'A cut removes all segments behind it.',
    edits: [
      {
        file: 'storage/log-truncation.ts',
        find: 'for (const later of segments.slice(index + 1).reverse()) {',
        replace: 'for (const later of segments.slice(index + 2).reverse()) {',
      },
    ],
  },
  {
    name: 'installNotDecided',
    rule: 'The old log goes only when the snapshot that replaces it is there for good.',
    edits: [
      {
        file: 'storage/install.ts',
        find: 'await options.disk.syncDirectory(snapshotDirectory);',
        replace: '',
      },
    ],
  },
  {
    name: 'snapshotNotSynced',
    rule: 'The log is shortened only when the snapshot that stands for it is on disk.',
    edits: [
      {
        file: 'storage/snapshot-file.ts',
        find: `await this.#flush();
    await this.#file.sync();`,
        replace: 'await this.#flush();',
      },
    ],
  },
  {
    name: 'damagedSnapshotIsTaken',
    rule: 'A snapshot that does not match its checksum is not begun from.',
    edits: [
      {
        file: 'storage/snapshot-file.ts',
        find: 'if (sum !== stated) {',
        // The footer would find it too.
        replace: 'sum = stated;\n    if (false) {',
      },
    ],
  },
  {
    name: 'durableDuringTruncation',
    rule: 'What is durable is never more than what stands in the log.',
    edits: [
      {
        file: 'storage/log-writer.ts',
        find: 'if (comparePositions(position, this.#durable) < 0) this.#durable = position;',
        replace: '',
      },
      {
        file: 'storage/log-writer.ts',
        find: 'if (this.#failure !== undefined || this.#changes > 0) return;',
        replace: 'if (this.#failure !== undefined) return;',
      },
    ],
  },
];
