/**
 * A write whose commit does not come in time: the client is told that nobody knows, a stream ends there,
 * and a retry with the same key finds out.
 */
import { expect, test } from 'vitest';
import { eventually, within } from './deadline.ts';
import { describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { refusalOf } from './refusal.ts';
import { isForwarded } from './target.ts';

const impatient = { limits: { requestTimeoutMs: 400 } };

describeThroughEveryDoor(
  'a write without a commit in time',
  (door) => {
    test('is a 504 of unknown outcome, and a retry with its key gives the first answer', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const options = { sequential: true, idempotencyKey: place };
      door.hold();
      const { problem } = await refusalOf(client.create(`${place}/n-`, options));
      expect(problem).toMatchObject({
        ...{ code: 'OPERATIONTIMEOUT', status: 504, outcome: 'unknown', retryable: true },
      });
      door.release();
      // As a client does: again and again, on new connections, until somebody knows.
      const created = await eventually('the first answer', async () => {
        const retrying = await door.client();
        return retrying.create(`${place}/n-`, options).catch((error: unknown) => {
          expect(error).toMatchObject({ problem: { retryable: true } });
          return undefined;
        });
      });
      expect(created.sequence).toBe(0);
      const { children } = await (await door.client()).children(place);
      expect(children).toEqual(['n-0000000000']);
    });

    test('a linearizable read is refused meanwhile, or answered, and never wrong', async () => {
      const place = await door.fresh();
      const [writer, reader] = await Promise.all([door.client(), door.client()]);
      await writer.set(place, 'before');
      door.hold();
      const unknown = refusalOf(writer.set(place, 'after'));
      const read = await reader.get(place, { consistency: 'linearizable' }).catch(() => undefined);
      expect(read?.data ?? 'before').toBe('before');
      expect((await unknown).problem.outcome).toBe('unknown');
      door.release();
      await eventually('the commit', async () => {
        const again = await door.client();
        const read = await again.get(place, { consistency: 'local' });
        return read.data === 'after' ? true : undefined;
      });
    });

    test('a refusal that hangs on it is not told either', async () => {
      const place = await door.fresh();
      const [writer, other] = await Promise.all([door.client(), door.client()]);
      door.hold();
      const unknown = refusalOf(writer.create(`${place}/a`));
      const hanging = refusalOf(other.create(`${place}/a`));
      expect((await unknown).problem.outcome).toBe('unknown');
      const { problem } = await hanging;
      expect(problem.code).not.toBe('NODEEXISTS');
      // A node that has forwarded it does not know that it was to be refused.
      expect(problem.outcome).toBe(isForwarded() ? 'unknown' : 'not-applied');
      door.release();
      await eventually('the refusal', async () => {
        const again = await door.client();
        const refusal = await refusalOf(again.create(`${place}/a`));
        return refusal.code === 'NODEEXISTS' ? true : undefined;
      });
    });
  },
  impatient,
);

describeOverWebSocket(
  'a stream',
  (door) => {
    test('ends at its first uncertain outcome: nothing behind it takes effect later', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const bystander = await door.client();
      door.hold();
      const asked = [
        { type: 'get', id: 1001, path: place },
        { type: 'create', id: 1002, path: `${place}/a` },
        { type: 'create', id: 1003, path: `${place}/b` },
        { type: 'get', id: 1004, path: `${place}/a` },
        { type: 'create', id: 1005, path: `${place}/c` },
      ];
      client.raw.send(asked);
      expect((await within('the end', client.raw.closed)).code).toBe(4503);
      const answers = new Map(client.raw.received.map((message) => [message['id'], message]));
      const outcomes = asked.map(({ id }) => {
        const { type, problem } = answers.get(id) ?? { type: 'none' };
        return type === 'error' ? (problem as { outcome: string }).outcome : type;
      });
      // The second write is in the log behind the first, the third has found no room there: it is refused,
      // or waits at the leader, which a node that has forwarded it does not know.
      const last = isForwarded() ? 'unknown' : 'not-applied';
      expect(outcomes).toEqual(['result', 'unknown', 'unknown', 'not-applied', last]);
      door.release();
      // What was in the log takes effect in its order, and nothing else of the stream ever does.
      await eventually('the commit', async () => {
        const { children } = await bystander.children(place);
        expect(['', 'a', 'a b', ...(isForwarded() ? ['a b c'] : [])]).toContain(children.join(' '));
        return children.length >= 2 ? true : undefined;
      });
    });

    test('others go on', async () => {
      const place = await door.fresh();
      const [reader, watched] = await Promise.all([door.client(), door.client()]);
      const watcher = await watched.watch(place, 'persistent');
      door.hold();
      const writer = await door.client();
      const unknown = refusalOf(writer.set(place, 'x'));
      expect((await reader.get(place)).data).toBe('');
      expect((await unknown).problem.outcome).toBe('unknown');
      door.release();
      expect((await within('the event', watcher.next())).type).toBe('NodeDataChanged');
      expect((await reader.get(place)).data).toBe('x');
    });
  },
  { limits: { ...impatient.limits, outstandingTransactionsMax: 2 } },
);
