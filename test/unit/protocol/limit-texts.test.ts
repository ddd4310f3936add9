/** How a refusal names the limit that it is due to. */
import { expect, it } from 'vitest';
import {
  limitText,
  limitWithAdvice,
  namedLimit,
  refusingLimits,
} from '../../../src/protocol/limit-texts.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';

it.each(refusingLimits)('%s is named with its number and what to do', (name) => {
  const number = String(defaultLimits[name]);
  expect(limitText(defaultLimits, name)).toMatch(
    new RegExp(`^the limit of ${number}( ms)? \\(limit ${name}\\); [a-z][^;]{10,}$`),
  );
});

it('a time is in milliseconds', () => {
  expect(namedLimit({ requestTimeoutMs: 500 }, 'requestTimeoutMs')).toBe(
    '500 ms (limit requestTimeoutMs)',
  );
});

it('a request can have an advice of its own', () => {
  const limits = { answerBytesMax: 9 };
  expect(limitWithAdvice(limits, 'answerBytesMax', 'ask for less')).toBe(
    '9 (limit answerBytesMax); ask for less',
  );
});
