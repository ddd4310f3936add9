import { describe, expect, it } from 'vitest';
import { errorBodyOf, problemOf, statusOf } from '../../../../src/gateway/common/problems.ts';
import { CoordinationError, errorCodes, errorTable } from '../../../../src/protocol/errors.ts';

describe('problems', () => {
  it.each(errorCodes)('%s has the form of every problem', (code) => {
    const problem = problemOf({ code, detail: 'why' }, { instance: '/znodes/a', zxid: 7 });
    expect(problem).toEqual({
      type: `urn:zoogate:error:${code}`,
      title: errorTable[code].title,
      status: errorTable[code].status,
      detail: 'why',
      instance: '/znodes/a',
      code,
      zkCode: errorTable[code].zkCode,
      zxid: 7,
      outcome: errorTable[code].outcome,
      retryable: errorTable[code].retryable,
    });
  });

  it('carry what their error knows', () => {
    const results = [{ op: 'create', path: '/a', code: 'NODEEXISTS' as const }];
    const fields = { path: '/a', failedIndex: 0, results, outcome: 'unknown', retryable: true };
    const error = new CoordinationError('NODEEXISTS', 'it is there', {
      ...{ path: '/a', failedIndex: 0, results, outcome: 'unknown', retryable: true },
    });
    expect(problemOf(errorBodyOf(error))).toMatchObject(fields);
  });

  it('keep inner fields inside', () => {
    const current = { version: 3, czxid: 117 };
    const body = { code: 'BADVERSION', detail: '', current, retryAfterMs: 5 } as const;
    expect(problemOf(body)).not.toHaveProperty('current');
    expect(problemOf(body)).not.toHaveProperty('retryAfterMs');
  });

  it('a missing parent is a conflict, a missing znode is not found', () => {
    expect(statusOf({ code: 'NONODE', detail: '' })).toBe(404);
    expect(statusOf({ code: 'NONODE', detail: '', parentMissing: true })).toBe(409);
  });

  it('a missing parent comes with the way to make it, where the request has one', () => {
    const body = { code: 'NONODE', detail: 'the parent /a does not exist' } as const;
    const missing = { ...body, parentMissing: true };
    expect(problemOf(missing, { flags: 'query' }).detail).toBe(
      'the parent /a does not exist; ?parents makes missing parents too',
    );
    expect(problemOf(missing, { flags: 'fields' }).detail).toBe(
      'the parent /a does not exist; "parents": true makes missing parents too',
    );
    expect(problemOf(missing).detail).toBe(body.detail);
    expect(problemOf(body, { flags: 'query' }).detail).toBe(body.detail);
    const member = { ...missing, failedIndex: 1 };
    expect(problemOf(member, { flags: 'query' }).detail).toBe(body.detail);
  });

  it('children that stand in the way come with the way to delete them', () => {
    const body = { code: 'NOTEMPTY', detail: '/a has children' } as const;
    const query = problemOf(body, { flags: 'query' }).detail;
    expect(query).toBe('/a has children; ?recursive deletes them too');
    const fields = problemOf(body, { flags: 'fields' }).detail;
    expect(fields).toBe('/a has children; "recursive": true deletes them too');
    const member = problemOf({ ...body, failedIndex: 1 }, { flags: 'fields' });
    expect(member.detail).toBe(body.detail);
  });

  it('what may have been applied is no 503, which invites a blind retry', () => {
    expect(statusOf({ code: 'CONNECTIONLOSS', detail: '' })).toBe(503);
    expect(statusOf({ code: 'CONNECTIONLOSS', detail: '', outcome: 'unknown' })).toBe(504);
  });

  it('tell nothing of the inside of an unexpected failure', () => {
    const body = errorBodyOf(new TypeError('secret is undefined'));
    expect(body.code).toBe('SYSTEMERROR');
    expect(body.detail).not.toContain('secret');
  });
});
