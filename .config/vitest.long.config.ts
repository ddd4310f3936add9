import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests that take minutes (test/long) or a real ZooKeeper beside ours (test/crosscheck), one file at a time. */
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/long/**/*.test.ts', 'test/crosscheck/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
  },
});
