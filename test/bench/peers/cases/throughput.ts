/** Rates and costs: pipelined, by one writer with one write outstanding, and over HTTP. */
import { runChild } from '../../children.ts';
import type { HttpLoad } from '../../loads/http.ts';
import type { WebSocketLoad } from '../../loads/websocket.ts';
import type { ZooKeeperLoad } from '../../loads/zookeeper.ts';
import type { Measurement } from '../../window.ts';
import type { PeersCase, PeersContext } from '../context.ts';
import { otherThan } from '../ensemble.ts';
import type { Ensemble } from '../ensemble.ts';
import { putBody, rangeBody } from '../ensembles/etcd.ts';

type Operation = 'read' | 'write';

interface Shape {
  readonly connections: number;
  readonly outstanding: number;
}

const pipelined: Shape = { connections: 16, outstanding: 32 };
const single: Shape = { connections: 1, outstanding: 1 };
const httpConnections = 64;

async function runOne(script: string, load: unknown): Promise<Measurement> {
  const [measured] = await runChild<Measurement>(script, load);
  if (measured === undefined) throw new Error('the load measured nothing');
  return measured;
}

interface Wanted {
  readonly operation: Operation;
  readonly shape: Shape;
  readonly seconds: number;
  /** All three unless said: connections go to them in turn, as those of many clients would. */
  readonly ports?: readonly number[];
}

async function measure(
  ensemble: Ensemble,
  { operation, shape, seconds, ports = ensemble.ports }: Wanted,
): Promise<Measurement | undefined> {
  const { pids: serverPid } = ensemble;
  if (ensemble.system === 'Zoogate') {
    const url = ports.map((port) => `ws://127.0.0.1:${port}/ws`);
    const cases = [{ operation, arrays: shape.outstanding > 1, ...shape }];
    return runOne('loads/websocket.ts', { url, serverPid, seconds, cases } satisfies WebSocketLoad);
  }
  if (ensemble.system === 'ZooKeeper') {
    const load: ZooKeeperLoad = {
      port: ports,
      serverPid,
      seconds,
      operation,
      ...shape,
      warmUpSeconds: seconds / 2,
    };
    return runOne('loads/zookeeper.ts', load);
  }
  const [port] = ports;
  if (shape.outstanding > 1 || port === undefined) return undefined;
  return measureHttp(ensemble, { operation, port, connections: shape.connections, seconds });
}

interface HttpShape {
  readonly operation: Operation;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
}

async function measureHttp(
  { system, pids: serverPid }: Ensemble,
  { operation, port, connections, seconds }: HttpShape,
): Promise<Measurement> {
  const base = `http://127.0.0.1:${port}`;
  const path = operation === 'read' ? '/v3/kv/range' : '/v3/kv/put';
  const body = operation === 'read' ? rangeBody('/bench/k1') : putBody('/bench/k1');
  const method = operation === 'read' ? 'GET' : 'PUT';
  const ours = { url: `${base}/znodes/bench/k1`, method } as const;
  const load: HttpLoad = {
    ...{ serverPid, connections, seconds },
    ...(system === 'etcd'
      ? { url: `${base}${path}`, method: 'POST', body }
      : { ...ours, ...(operation === 'write' && { body: 'x'.repeat(100) }) }),
  };
  return runOne('loads/http.ts', load);
}

const doorOf = { Zoogate: 'WebSocket', ZooKeeper: 'own protocol', etcd: 'JSON gateway' } as const;

/** Everybody's code is compiled before anything is measured. */
async function warmUp({ ensembles, seconds }: PeersContext): Promise<void> {
  for (const ensemble of ensembles) {
    for (const operation of ['read', 'write'] as const) {
      await measure(ensemble, { operation, shape: pipelined, seconds: Math.max(1, seconds) });
    }
  }
}

export const pipelinedCase: PeersCase = async (context) => {
  const { ensembles, results, figures, rounds, seconds } = context;
  await warmUp(context);
  for (const operation of ['read', 'write'] as const) {
    for (let round = 0; round < rounds; round++) {
      for (const ensemble of ensembles) {
        const measured = await measure(ensemble, { operation, shape: pipelined, seconds });
        if (measured === undefined) continue;
        const { system } = ensemble;
        results.rate(`${system} ${operation}, 16 × 32, ${doorOf[system]}, all nodes`, measured);
        figures.add(system, `${operation} rate`, measured.opsPerSecond);
        figures.add(system, `${operation} CPU`, measured.serverCpuUs);
      }
    }
  }
};

/** A write that comes to a follower makes two more ways: what a client has depends on where it is. */
export const writerCase: PeersCase = async ({ ensembles, results, figures, rounds, seconds }) => {
  for (const where of ['at the leader', 'at a follower'] as const) {
    for (let round = 0; round < rounds; round++) {
      for (const ensemble of ensembles) {
        const leader = await ensemble.leader();
        const port = ensemble.port(where === 'at the leader' ? leader : otherThan(leader));
        const load = { operation: 'write', shape: single, seconds, ports: [port] } as const;
        const measured = await measure(ensemble, load);
        if (measured === undefined) continue;
        const { system } = ensemble;
        results.rate(`${system} one writer ${where}, ${doorOf[system]}`, measured);
        figures.add(system, `one writer ${where}`, measured.p50Ms);
      }
    }
  }
};

export const restCase: PeersCase = async ({ ensembles, results, figures, rounds, seconds }) => {
  for (const operation of ['read', 'write'] as const) {
    for (let round = 0; round < rounds; round++) {
      for (const ensemble of ensembles) {
        const { system } = ensemble;
        if (system === 'ZooKeeper') continue;
        const port = ensemble.port(await ensemble.leader());
        const shape = { operation, port, connections: httpConnections, seconds };
        const measured = await measureHttp(ensemble, shape);
        results.rate(`${system} HTTP ${operation}, 64 connections, the leader`, measured);
        figures.add(system, `REST ${operation} rate`, measured.opsPerSecond);
      }
    }
  }
};
