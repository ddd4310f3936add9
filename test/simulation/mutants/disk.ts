/**
 * What can be broken between the storage and the system: nothing that a disk in memory could show. Found by
 * following a process at its system calls, see `../../support/disk-trace`.
 */
import type { Mutation } from '../../support/mutations/mutation.ts';

const append = `writeAll(job.fd, job.bytes, job.offset);
        fs.fdatasyncSync(job.fd);`;

export const diskMutants: readonly Mutation[] = [
  {
    name: 'logNotSynced',
    rule: 'A record is synced before it counts as durable.',
    edits: [{ file: 'storage/log-worker.ts', find: 'fs.fdatasyncSync(job.fd);', replace: '' }],
  },
  {
    name: 'logSyncedBeforeWritten',
    rule: 'A sync begins when everything that it is for has been written.',
    edits: [
      {
        file: 'storage/log-worker.ts',
        find: append,
        replace: 'fs.fdatasyncSync(job.fd); writeAll(job.fd, job.bytes, job.offset);',
      },
    ],
  },
  {
    name: 'appendAnsweredBeforeSync',
    rule: 'An append is answered when its sync has ended.',
    edits: [
      {
        file: 'storage/log-worker.ts',
        find: 'port.postMessage({ value: perform(job) });',
        replace: `if (job.type === 'append') port.postMessage({ value: 0 });
      const value = perform(job);
      if (job.type !== 'append') port.postMessage({ value });`,
      },
    ],
  },
  {
    name: 'failedLogSyncForgotten',
    rule: 'A sync that has failed ends the process.',
    edits: [
      {
        file: 'storage/log-worker.ts',
        find: 'fs.fdatasyncSync(job.fd);',
        replace: 'try { fs.fdatasyncSync(job.fd); } catch {}',
      },
    ],
  },
  {
    name: 'failedLogSyncTriedAgain',
    rule: 'A sync that has failed is not tried again: the next one says nothing of the same pages.',
    edits: [
      {
        file: 'storage/log-worker.ts',
        find: 'fs.fdatasyncSync(job.fd);',
        replace: 'try { fs.fdatasyncSync(job.fd); } catch { fs.fdatasyncSync(job.fd); }',
      },
    ],
  },
  {
    name: 'shortLogWriteIgnored',
    rule: 'What a short write to the log has left is written too.',
    edits: [
      {
        file: 'storage/log-worker.ts',
        find: 'for (let done = 0; done < bytes.length;) {',
        replace: 'for (let done = 0; done < Math.min(1, bytes.length);) {',
      },
    ],
  },
  {
    name: 'shortLogWriteAtStalePosition',
    rule: 'The rest of a short write to the log goes behind what was written of it.',
    edits: [
      {
        file: 'storage/log-worker.ts',
        find: 'bytes.length - done, offset + done);',
        replace: 'bytes.length - done, offset);',
      },
    ],
  },
  {
    name: 'logNameNotSynced',
    rule: 'A new file of the log counts when its name is synced.',
    edits: [{ file: 'storage/log-worker.ts', find: 'fs.fsyncSync(directory);', replace: '' }],
  },
  {
    name: 'logNameSyncedBeforeGiven',
    rule: 'A directory is synced when the new name stands in it.',
    edits: [
      { file: 'storage/log-worker.ts', find: 'fs.renameSync(job.from, job.to);', replace: '' },
      {
        file: 'storage/log-worker.ts',
        find: 'fs.closeSync(directory);',
        replace: 'fs.closeSync(directory); fs.renameSync(job.from, job.to);',
      },
    ],
  },
  {
    name: 'fileNotSynced',
    rule: 'A file is synced before it gets its name.',
    edits: [{ file: 'storage/node-disk.ts', find: 'await this.#handle.datasync();', replace: '' }],
  },
  {
    name: 'directoryNotSynced',
    rule: 'A change of names is there after a loss of power when its directory is synced.',
    edits: [{ file: 'storage/node-disk.ts', find: 'await handle.sync();', replace: '' }],
  },
  {
    name: 'shortFileWriteIgnored',
    rule: 'What a short write to a file has left is written too.',
    edits: [
      {
        file: 'storage/node-disk.ts',
        find: 'done += bytesWritten;',
        replace: 'done += Math.max(bytesWritten, left);',
      },
    ],
  },
  {
    name: 'snapshotNameNotSynced',
    rule: 'What a snapshot replaces goes only when its name is synced.',
    edits: [
      {
        file: 'storage/snapshots.ts',
        find: `await this.#disk.syncDirectory(snapshotDirectory);
      const info`,
        replace: 'const info',
      },
    ],
  },
  {
    name: 'dataDirectoryNotSynced',
    rule: 'A new data directory has its own name on the disk before anything in it counts.',
    edits: [{ file: 'server/data-directory.ts', find: 'await syncName(directory);', replace: '' }],
  },
];
