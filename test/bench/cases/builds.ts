/**
 * This build beside another one (`--beside DIR`, a built checkout), in turns in one run: what a change costs, as
 * the ratio of CPU time an operation, which neighbours on the machine disturb least.
 */
import { runChild } from '../children.ts';
import { freshFolder, httpUrl, makeKeys, warmUp, websocketUrl } from '../context.ts';
import type { BenchContext } from '../context.ts';
import { startZoogate } from '../../crosscheck/zoogate-server.ts';
import type { RunningZoogate } from '../../crosscheck/zoogate-server.ts';
import type { HttpLoad } from '../loads/http.ts';
import type { WebSocketCase, WebSocketLoad } from '../loads/websocket.ts';
import { median } from '../statistics.ts';
import type { Measurement } from '../window.ts';

/** A change may cost this much more CPU an operation. */
const costMax = 1.03;
const rounds = 7;

const value = 'x'.repeat(100);
const http = { connections: 64 } as const;
const pipelined = { connections: 16, outstanding: 32, arrays: true } as const;
const alone = { connections: 16, outstanding: 1, arrays: false } as const;

type Load =
  | { readonly door: 'rest'; readonly load: Pick<HttpLoad, 'method' | 'connections' | 'body'> }
  | { readonly door: 'websocket'; readonly load: WebSocketCase };

const loads: Readonly<Record<string, Load>> = {
  'REST GET of 100 B': { door: 'rest', load: { method: 'GET', ...http } },
  'REST PUT of 100 B': { door: 'rest', load: { method: 'PUT', body: value, ...http } },
  'WebSocket reads, pipelined': { door: 'websocket', load: { operation: 'read', ...pipelined } },
  'WebSocket writes, pipelined': { door: 'websocket', load: { operation: 'write', ...pipelined } },
  'WebSocket reads, one by one': { door: 'websocket', load: { operation: 'read', ...alone } },
  'WebSocket writes, one by one': { door: 'websocket', load: { operation: 'write', ...alone } },
};

interface Side {
  readonly name: string;
  readonly server: RunningZoogate;
}

export async function builds(context: BenchContext): Promise<void> {
  const { beside } = context;
  if (beside === undefined) throw new Error('the case builds needs --beside DIR, a built checkout');
  const sides: Side[] = [];
  try {
    for (const [name, checkout] of [
      ['this build', undefined],
      ['the other', beside],
    ] as const) {
      const server = await startZoogate({
        dataFolder: await freshFolder(context),
        ...(checkout !== undefined && { checkout }),
      });
      sides.push({ name, server });
      await makeKeys(server);
      await warmUp(server);
    }
    for (const [what, load] of Object.entries(loads)) await compare(context, sides, what, load);
  } finally {
    for (const { server } of sides) await server.stop();
  }
}

async function compare(
  { results, seconds, quick }: BenchContext,
  sides: readonly Side[],
  what: string,
  load: Load,
): Promise<void> {
  const taken = sides.map((): Measurement[] => []);
  // The first round compiles the code and counts for nothing.
  for (let round = 0; round <= (quick ? 1 : rounds); round += 1) {
    for (const [index, { name, server }] of sides.entries()) {
      const measured = await measure(server, load, seconds);
      if (round === 0) continue;
      results.rate(`${name}: ${what}`, measured);
      taken[index]?.push(measured);
    }
  }
  const [own = [], other = []] = taken;
  const ratios = own.map(
    (one, round) => one.serverCpuUs / (other[round]?.serverCpuUs ?? Number.NaN),
  );
  results.goal({
    name: `${what}: CPU an operation, this build : the other`,
    ...{ unit: '', value: median(ratios), limit: costMax, atLeast: false },
  });
}

async function measure(server: RunningZoogate, load: Load, seconds: number): Promise<Measurement> {
  const serverPid = server.pid;
  const [measured] =
    load.door === 'rest'
      ? await runChild<Measurement>('loads/http.ts', {
          ...load.load,
          ...{ url: httpUrl(server, '/znodes/bench/k1'), serverPid, seconds },
        } satisfies HttpLoad)
      : await runChild<Measurement>('loads/websocket.ts', {
          ...{ url: websocketUrl(server), serverPid, seconds, cases: [load.load] },
        } satisfies WebSocketLoad);
  if (measured === undefined) throw new Error('the load measured nothing');
  return measured;
}
