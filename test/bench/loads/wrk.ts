/** HTTP requests by wrk, a program in C. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HttpLoad, HttpRun } from './http.ts';

const microseconds = 1000;

/** What the script prints, a JSON value; times are microseconds. */
interface Summary {
  readonly requests: number;
  readonly bad: number;
  readonly p50: number;
  readonly p99: number;
}

/** Which program makes the load on HTTP on this machine. */
export function httpLoadTool(): 'wrk' | 'autocannon' {
  return spawnSync('wrk', ['--version']).error === undefined ? 'wrk' : 'autocannon';
}

/** @throws Error when wrk fails or prints no summary */
export async function runWrk(load: HttpLoad): Promise<HttpRun> {
  const folder = mkdtempSync(join(tmpdir(), 'wrk-'));
  try {
    const script = join(folder, 'load.lua');
    writeFileSync(script, scriptOf(load));
    // It takes whole seconds only, and reports how long it took.
    const seconds = Math.max(1, Math.round(load.seconds));
    const options = [
      ...['--threads', '1', '--connections', String(load.connections)],
      ...['--duration', `${String(seconds)}s`, '--script', script, load.url],
    ];
    const { stdout } = await promisify(execFile)('wrk', options);
    const line = stdout.split('\n').find((text) => text.startsWith('{'));
    if (line === undefined) throw new Error(`wrk has printed no summary: ${stdout}`);
    const { requests, bad, p50, p99 } = JSON.parse(line) as Summary;
    const latencies = { p50Ms: p50 / microseconds, p99Ms: p99 / microseconds };
    return { requests, latencies, bad };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function scriptOf({ method, body }: HttpLoad): string {
  return `
wrk.method = ${JSON.stringify(method)}
${body === undefined ? '' : `wrk.body = ${JSON.stringify(body)}`}
function done(summary, latency)
  local e = summary.errors
  local bad = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format('{"requests":%d,"bad":%d,"p50":%f,"p99":%f}\\n',
    summary.requests, bad, latency:percentile(50), latency:percentile(99)))
end
`;
}
