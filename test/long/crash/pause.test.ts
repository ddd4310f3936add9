/** The real process stands still for longer than any session may be silent, as a machine that swaps or a moved one. */
import { expect, test } from 'vitest';
import { httpClient } from '../../support/http-client.ts';
import { startServer } from '../../support/server-process.ts';

const pauseMs = 3000;
const timeoutMs = 1000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a pause is charged to nobody: sessions live on behind it, and then end when they should', async () => {
  const server = await startServer({ args: ['--tick-ms', '100', '--segment-size', '1MiB'] });
  const http = httpClient(server.url);
  const body = { timeoutMs };
  const tokens = await Promise.all(
    Array.from({ length: 20 }, async () =>
      String((await http('POST', '/sessions', { body })).json()['token']),
    ),
  );
  const headers = (token: string) => ({ 'Zk-Session': token });
  for (const [index, token] of tokens.entries()) {
    const made = await http('PUT', `/znodes/e${index}?ephemeral`, { headers: headers(token) });
    expect(made.status).toBe(201);
  }
  process.kill(server.pid, 'SIGSTOP');
  await sleep(pauseMs);
  process.kill(server.pid, 'SIGCONT');
  for (const token of tokens) {
    expect((await http('GET', '/whoami', { headers: headers(token) })).status).toBe(200);
  }
  const children = async (): Promise<readonly string[]> =>
    (await http('GET', '/children/')).json()['children'] as string[];
  expect((await children()).filter((name) => name.startsWith('e'))).toHaveLength(tokens.length);
  const deadlineMs = performance.now() + 15_000;
  while ((await children()).some((name) => name.startsWith('e'))) {
    expect(performance.now()).toBeLessThan(deadlineMs);
    await sleep(50);
  }
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});
