/** The newest attachment of a session is known: from its proposal on, and from the log across leaders. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Generations } from '../../../src/replica/generations.ts';
import { SessionTable } from '../../../src/sessions/index.ts';

const timeoutMs = 4000;
const session = 7;
const node = 1;

let sessions: SessionTable;
let generations: Generations;

beforeEach(() => {
  sessions = new SessionTable();
  sessions.create(session, { timeoutMs, secretHash: new Uint8Array(32) });
  generations = new Generations({ sessions });
});

describe('generations of attachments', () => {
  it('begin with that of the session, and rise from the moment of the proposal', () => {
    expect(generations.isCurrent(session, session)).toBe(true);
    generations.raise(session, { generation: 20, timeoutMs: 9000, node });
    expect(generations.isCurrent(session, session)).toBe(false);
    expect(generations.isCurrent(session, 20)).toBe(true);
    expect(generations.timeoutOf(session)).toBe(9000);
    expect(generations.isAttached(session)).toBe(true);
  });

  it('are those of the table once they are applied', () => {
    generations.raise(session, { generation: 20, timeoutMs, node });
    generations.raise(session, { generation: 21, timeoutMs, node });
    sessions.attach(session, { generation: 20, timeoutMs: 4000 });
    generations.applied(session, 20);
    expect(generations.isCurrent(session, 20), 'a newer one is proposed').toBe(false);
    sessions.attach(session, { generation: 21, timeoutMs: 4000 });
    generations.applied(session, 21);
    sessions.attach(session, { generation: 30, timeoutMs: 4000 });
    expect(generations.isCurrent(session, 21)).toBe(false);
    expect(generations.isCurrent(session, 30)).toBe(true);
  });

  it('are only taken from other nodes where the log has none newer', () => {
    sessions.attach(session, { generation: 20, timeoutMs: 4000 });
    generations.begin();
    expect(generations.register(session, { generation: session, timeoutMs, node })).toBe(false);
    expect(generations.isAttached(session)).toBe(false);
    expect(generations.register(session, { generation: 20, timeoutMs: 9000, node })).toBe(true);
    expect(generations.timeoutOf(session)).toBe(9000);
    expect(generations.register(session, { generation: 20, timeoutMs, node }), 'told again').toBe(
      true,
    );
    generations.raise(session, { generation: 31, timeoutMs, node });
    expect(generations.register(session, { generation: 20, timeoutMs, node })).toBe(false);
    expect(generations.isCurrent(session, 31)).toBe(true);
  });

  it('stay when their stream has ended, so that no older one comes back', () => {
    generations.raise(session, { generation: 20, timeoutMs, node });
    generations.raise(session, { generation: 21, timeoutMs, node });
    generations.detach(session, 20);
    expect(generations.isAttached(session)).toBe(true);
    generations.detach(session, 21);
    expect(generations.isAttached(session)).toBe(false);
    expect(generations.timeoutOf(session)).toBeUndefined();
    expect(generations.register(session, { generation: 20, timeoutMs, node })).toBe(false);
  });

  it('are forgotten with the session, and what is only proposed when a reign begins', () => {
    generations.raise(session, { generation: 20, timeoutMs, node });
    generations.begin();
    expect(generations.size).toBe(0);
    expect(generations.isCurrent(session, 20)).toBe(false);
    expect(generations.isCurrent(session, session)).toBe(true);
    generations.raise(session, { generation: 22, timeoutMs, node });
    sessions.close(session);
    generations.remove(session);
    expect(generations.size).toBe(0);
    expect(generations.isCurrent(session, 22)).toBe(false);
    expect(generations.isCurrent(session, session)).toBe(false);
  });

  it("are nobody's once their node is lost, with what they have negotiated", () => {
    generations.raise(session, { generation: 20, timeoutMs: 9000, node });
    generations.leave(2);
    expect(generations.isAttached(session)).toBe(true);
    generations.leave(node);
    expect(generations.isAttached(session)).toBe(false);
    expect(generations.timeoutOf(session)).toBe(9000);
    expect(generations.isCurrent(session, 20)).toBe(true);
    generations.detach(session, 20);
    expect(generations.timeoutOf(session)).toBeUndefined();
  });
});
