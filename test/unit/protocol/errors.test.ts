/** Operating conditions are cheap to raise, and leave the stacks of real faults alone. */
import { expect, test } from 'vitest';
import { CoordinationError } from '../../../src/protocol/errors.ts';

test('an operating condition carries no stack, and other errors keep theirs', () => {
  const refused = new CoordinationError('NONODE', '/a does not exist', { path: '/a' });
  expect(refused.stack).not.toContain('errors.test.ts');
  expect(new Error('a real fault').stack).toContain('errors.test.ts');
  expect(refused.toBody()).toEqual({ code: 'NONODE', detail: '/a does not exist', path: '/a' });
});
