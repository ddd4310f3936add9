import { describe, expect, it } from 'vitest';
import { belongsToParent, endsWithParentVariable } from '../../../src/server/parent.ts';

describe('a process belongs to its parent', () => {
  it.each([
    "'zoogate'",
    'zoogate',
    'zoogate serve --port 8181',
    'exec zoogate serve',
    'node dist/server/main.js serve',
    'exec node node_modules/zoogate/dist/server/main.js ensemble',
    'zoogate serve 2>&1',
    'zoogate serve >&2 && echo done',
  ])('where it is the command that npm runs: %s', (script) => {
    expect(belongsToParent({ npm_lifecycle_script: script })).toBe(true);
  });

  it.each([
    undefined,
    'vitest run',
    'node orchestrate.js zoogate',
    'zoogate serve &',
    'zoogate serve > log 2>&1 & wait-on http://127.0.0.1:8181',
    'zoogate-ui',
  ])('and otherwise not: %s', (script) => {
    expect(belongsToParent({ npm_lifecycle_script: script })).toBe(false);
  });

  it('where a program that starts nodes says so', () => {
    expect(belongsToParent({ [endsWithParentVariable]: '1' })).toBe(true);
  });
});
