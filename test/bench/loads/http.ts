/** Load on HTTP by autocannon, a number of connections with one request each. */
import autocannon from 'autocannon';
import { childInput, print } from '../children.ts';
import { Window } from '../window.ts';

export interface HttpLoad {
  readonly url: string;
  readonly serverPid: number | readonly number[];
  readonly seconds: number;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly connections: number;
  readonly body?: string;
}

const warmUpSeconds = 0.3;
const { url, method, connections, body, seconds, serverPid } = childInput() as HttpLoad;

async function run(duration: number): Promise<{ latenciesMs: number[]; bad: number }> {
  const instance = autocannon({
    url,
    method,
    connections,
    duration,
    // Autocannon ends only at its next sample, a second later by default.
    sampleInt: 100,
    ...(body === undefined ? {} : { body }),
  });
  // Its own histogram counts whole milliseconds.
  const latenciesMs: number[] = [];
  instance.on('response', (_client, _status, _bytes, timeMs: number) => latenciesMs.push(timeMs));
  const { errors, timeouts, non2xx } = await instance;
  return { latenciesMs, bad: errors + timeouts + non2xx };
}

await run(warmUpSeconds);
const window = new Window(serverPid);
const { latenciesMs, bad } = await run(seconds);
print(window.finish(latenciesMs.length, latenciesMs, bad));
