import { describe, expect, it } from 'vitest';
import {
  generateProgram,
  restProfile,
  websocketProfile,
  type ActionType,
} from '../../crosscheck/program.ts';

describe('a random program', () => {
  it('is the same for the same seed and another for another', () => {
    const program = generateProgram(7, 200, websocketProfile);
    expect(generateProgram(7, 200, websocketProfile)).toEqual(program);
    expect(generateProgram(8, 200, websocketProfile)).not.toEqual(program);
  });

  it('contains every kind of step within a few hundred', () => {
    const seen = new Set(generateProgram(1, 2000, websocketProfile).map(({ type }) => type));
    const wanted: ActionType[] = [
      ...(['create', 'set', 'delete', 'get', 'exists', 'children', 'acl', 'setAcl'] as const),
      ...(['multi', 'multiRead', 'ephemerals', 'count', 'sync', 'whoami', 'auth'] as const),
      ...(['watch', 'unwatch', 'close', 'drop'] as const),
    ];
    expect(wanted.filter((type) => !seen.has(type))).toEqual([]);
  });

  it('asks of REST only what REST can say', () => {
    const steps = generateProgram(1, 2000, restProfile);
    const types = new Set<string>(steps.map(({ type }) => type));
    expect(['drop', 'resume', 'unwatch'].filter((type) => types.has(type))).toEqual([]);
    const paths = steps.flatMap((step) => ('path' in step ? [step.path] : []));
    expect(paths.filter((path) => !path.startsWith('@') && !path.startsWith('/'))).toEqual([]);
  });
});
