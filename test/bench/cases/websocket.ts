/** The WebSocket by connections, outstanding requests and arrays, beside a bare `ws` echo. */
import { runChild, startChild } from '../children.ts';
import { makeKeys, warmUp, websocketUrl, withServer, type BenchContext } from '../context.ts';
import type { Operation, WebSocketCase, WebSocketLoad } from '../loads/websocket.ts';
import type { Measurement } from '../window.ts';

const operations: readonly Operation[] = ['read', 'write', 'create', 'mix'];
/** Server CPU, microseconds an operation, at 16 connections × 32 in arrays. */
const goals: Readonly<Partial<Record<Operation, number>>> = { read: 14, write: 20 };

const shapes = (quick: boolean): Omit<WebSocketCase, 'operation'>[] =>
  [1, 16, 64].flatMap((connections) => {
    if (quick && connections !== 16) return [];
    const pipelined = { connections, outstanding: 32 };
    return [
      { connections, outstanding: 1, arrays: false },
      { ...pipelined, arrays: false },
      { ...pipelined, arrays: true },
    ];
  });

const nameOf = ({ operation, connections, outstanding, arrays }: WebSocketCase): string =>
  `${operation}, ${connections} × ${outstanding}${arrays ? ' in arrays' : ''}`;

export async function websocket(context: BenchContext): Promise<void> {
  const { results, seconds, quick } = context;
  await withServer(context, async (server) => {
    await makeKeys(server);
    await warmUp(server);
    const cases = operations.flatMap((operation) =>
      shapes(quick).map((shape) => ({ operation, ...shape })),
    );
    const url = websocketUrl(server);
    const load: WebSocketLoad = { url, serverPid: server.pid, seconds, cases };
    const measured = await runChild<Measurement>('loads/websocket.ts', load);
    if (measured.length < cases.length) throw new Error('the load ended early');
    for (const [index, one] of cases.entries()) {
      const figures = measured[index];
      if (figures === undefined) continue;
      results.rate(`Zoogate WebSocket ${nameOf(one)}`, figures);
      const limit = goals[one.operation];
      const { connections, arrays } = one;
      if (limit === undefined || connections !== 16 || !arrays) continue;
      const name = `WebSocket ${nameOf(one)}, server CPU`;
      results.goal({ name, unit: 'µs', value: figures.serverCpuUs, limit, atLeast: false });
    }
  });
  await echo(context);
}

async function echo({ results, seconds }: BenchContext): Promise<void> {
  const server = await startChild<{ port: number }>('ceilings/echo.ts', {});
  const cases = [false, true].map((arrays) => ({
    operation: 'echo' as const,
    connections: 16,
    outstanding: 32,
    arrays,
  }));
  const url = `ws://127.0.0.1:${server.ready.port}/`;
  const load: WebSocketLoad = { url, serverPid: server.pid, seconds, cases };
  try {
    const measured = await runChild<Measurement>('loads/websocket.ts', load);
    for (const [index, figures] of measured.entries()) {
      const one = cases[index];
      if (one !== undefined) results.rate(`bare ws ${nameOf(one)}`, figures);
    }
  } finally {
    await server.stop();
  }
}
