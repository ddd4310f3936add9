/** HTTP requests by autocannon. */
import autocannon from 'autocannon';
import type { HttpLoad, HttpRun } from './http.ts';

export async function runAutocannon(load: HttpLoad): Promise<HttpRun> {
  const { url, method, connections, body, seconds } = load;
  const instance = autocannon({
    ...{ url, method, connections, duration: seconds },
    // Autocannon ends only at its next sample, a second later by default.
    sampleInt: 100,
    ...(body === undefined ? {} : { body }),
  });
  // Its own histogram counts whole milliseconds.
  const latencies: number[] = [];
  instance.on('response', (_client, _status, _bytes, timeMs: number) => latencies.push(timeMs));
  const { errors, timeouts, non2xx } = await instance;
  return { requests: latencies.length, latencies, bad: errors + timeouts + non2xx };
}
