/** What requests that wait are answered with when their session ends, or their node has no leader. */
import { CoordinationError } from '../../protocol/errors.ts';
import type { SessionAnswer } from '../coordinator.ts';

/** Undefined where they go on waiting. */
export function sessionFailure(state: SessionAnswer['state']): CoordinationError | undefined {
  switch (state) {
    case 'expired':
      return new CoordinationError('SESSIONEXPIRED', 'the session has ended while this waited');
    case 'suspended':
      return new CoordinationError('CONNECTIONLOSS', 'this node has no leader, ask another one', {
        retryAfterMs: 1000,
      });
    case 'moved':
    case 'connected':
      return undefined;
  }
}
