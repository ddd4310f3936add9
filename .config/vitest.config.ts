import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Files that want a worker of their own: those that start processes, which go with it, and so do their
 * directories; and those that measure how much memory the worker takes, where nothing else may have grown.
 */
const alone = [
  'test/{examples,integration,smoke}/**/*.test.ts',
  'test/conformance/slow-readers.test.ts',
  'test/unit/transport/frames.test.ts',
];

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
          name: 'alone',
          include: alone,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/{long,simulation}/**', ...alone],
          // Two workers run all of these files: to start one for each, and to load all modules into it anew,
          // takes longer than the tests. So what a file leaves behind in a module, the next one finds.
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
