import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

/** Tests that start processes: the directories and the processes of a file go with the worker that ran it. */
const withProcesses = ['test/{examples,integration,smoke}/**/*.test.ts'];

/** Everything that needs nothing but Node; what takes longer has a configuration of its own. */
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // Nothing waits so long unless the machine is busy with something else, or it would wait for ever.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'processes',
          include: withProcesses,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'in-process',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/{long,simulation}/**', ...withProcesses],
          // Two workers run all of these files: to start one for each, and to load all modules into it anew,
          // takes longer than the tests. So what a file leaves behind in a module, the next one finds.
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
