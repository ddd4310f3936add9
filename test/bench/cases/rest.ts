/** GET and PUT of 100 bytes beside a bare Fastify that answers the same, in turns. */
import type { BareAnswer, BareRoutes } from '../ceilings/fastify.ts';
import { runChild, startChild } from '../children.ts';
import { expectSuccess, httpUrl, makeKeys, withServer, type BenchContext } from '../context.ts';
import type { HttpLoad } from '../loads/http.ts';
import { median, rounded } from '../statistics.ts';
import type { Measurement } from '../window.ts';

const value = 'x'.repeat(100);
const path = '/znodes/bench/k1';
/** Of the bare route's rate, at 64 connections. */
const goals = { GET: 0.75, PUT: 0.6 } as const;
/** What Node adds by itself. */
const ownHeaders = new Set([
  'connection',
  'keep-alive',
  'date',
  'content-length',
  'transfer-encoding',
]);

interface Side {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

async function answerTo(port: number, method: 'GET' | 'PUT'): Promise<BareAnswer> {
  const response = await expectSuccess(
    fetch(httpUrl({ port }, path), method === 'GET' ? {} : { method, body: value }),
  );
  const headers = [...response.headers].filter(([name]) => !ownHeaders.has(name));
  return { headers: Object.fromEntries(headers), body: await response.text() };
}

async function measure(side: Side, load: Pick<HttpLoad, 'method' | 'connections' | 'seconds'>) {
  const input: HttpLoad = {
    ...load,
    url: httpUrl(side, path),
    serverPid: side.pid,
    ...(load.method === 'PUT' ? { body: value } : {}),
  };
  const [measured] = await runChild<Measurement>('loads/http.ts', input);
  if (measured === undefined) throw new Error('the load measured nothing');
  return measured;
}

export async function rest(context: BenchContext): Promise<void> {
  await withServer(context, async (server) => {
    await makeKeys(server);
    const routes: BareRoutes = {
      get: await answerTo(server.port, 'GET'),
      put: await answerTo(server.port, 'PUT'),
    };
    const bare = await startChild<{ port: number }>('ceilings/fastify.ts', routes);
    const sides: readonly Side[] = [
      { name: 'Zoogate', port: server.port, pid: server.pid },
      { name: 'bare Fastify', port: bare.ready.port, pid: bare.pid },
    ];
    try {
      for (const method of ['GET', 'PUT'] as const) {
        // Until the code of both is compiled.
        for (const side of sides) await measure(side, { method, connections: 64, seconds: 1 });
        await compare(context, sides, method);
      }
    } finally {
      await bare.stop();
    }
  });
}

async function compare(
  context: BenchContext,
  sides: readonly Side[],
  method: 'GET' | 'PUT',
): Promise<void> {
  const { results, seconds, quick } = context;
  for (const connections of quick ? [64] : [1, 64]) {
    const taken = sides.map((): Measurement[] => []);
    const rounds = connections === 1 || quick ? 1 : 3;
    for (let round = 0; round < rounds; round++) {
      for (const [index, side] of sides.entries()) {
        const measured = await measure(side, { method, connections, seconds });
        results.rate(`${side.name} ${method} 100 B, ${connections} connections`, measured);
        taken[index]?.push(measured);
      }
    }
    if (connections === 1) continue;
    const ratio = (figure: 'opsPerSecond' | 'serverCpuUs'): number => {
      const [own, bare] = taken.map((measured) => median(measured.map((one) => one[figure])));
      return (own ?? Number.NaN) / (bare ?? Number.NaN);
    };
    // Where neighbours take the machine, CPU per operation is the steadier of the two.
    const cost = rounded(1 / ratio('serverCpuUs'));
    results.goal({
      name: `${method} of the rate of bare Fastify (by CPU per operation ${cost})`,
      unit: '',
      value: ratio('opsPerSecond'),
      limit: goals[method],
      atLeast: true,
    });
  }
}
