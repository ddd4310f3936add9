/**
 * Writes to one member without a pause until it is stopped, and says how many are acknowledged whenever it
 * is asked: 16 connections × 32 outstanding on Zoogate's WebSocket (in arrays) and ZooKeeper's protocol,
 * 64 connections with one request each on etcd's gateway.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { JuteWriter } from '../../../crosscheck/jute.ts';
import {
  connectRequest,
  frame,
  OpCode,
  PacketSplitter,
} from '../../../crosscheck/zookeeper-wire.ts';
import { childInput, print } from '../../children.ts';
import type { System } from '../ensemble.ts';
import { putBody } from '../ensembles/etcd.ts';

export interface SteadyLoad {
  readonly system: System;
  readonly port: number;
}

export interface SteadyCount {
  readonly acknowledged: number;
  readonly errors: number;
}

const connections = 16;
const outstanding = 32;
const keys = 1000;
const value = 'x'.repeat(100);
const load = childInput() as SteadyLoad;
let acknowledged = 0;
let errors = 0;
let next = 0;
const nextKey = (): string => `/bench/k${next++ % keys}`;

async function openWebSocket(): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${load.port}/ws`, { perMessageDeflate: false });
  await once(socket, 'open');
  const connected = once(socket, 'message');
  socket.send('{"type":"connect","id":0,"batch":true}');
  await connected;
  const send = (count: number): void => {
    const messages = Array.from(
      { length: count },
      () => `{"type":"set","id":${next + 1},"path":"${nextKey()}","data":"${value}"}`,
    );
    socket.send(`[${messages.join(',')}]`);
  };
  socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1');
    const answers = text.split('"id":').length - 1;
    if (answers === 0) return;
    const failed = text.split('"type":"error"').length - 1;
    errors += failed;
    acknowledged += answers - failed;
    send(answers);
  });
  socket.on('close', () => (errors += outstanding));
  send(outstanding);
}

async function openZooKeeper(): Promise<void> {
  const socket = connect(load.port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  socket.write(connectRequest({ timeoutMs: 30_000 }));
  await once(socket, 'data');
  const splitter = new PacketSplitter();
  const data = Buffer.from(value);
  const send = (count: number): void => {
    const packets = Array.from({ length: count }, () => {
      const body = new JuteWriter().int(1).int(OpCode.setData);
      return frame(body.string(nextKey()).bytes(data).int(-1).finish());
    });
    socket.write(Buffer.concat(packets));
  };
  socket.on('data', (chunk) => {
    const packets = splitter.push(chunk);
    const failed = packets.filter((packet) => packet.readInt32BE(12) !== 0).length;
    errors += failed;
    acknowledged += packets.length - failed;
    if (packets.length > 0) send(packets.length);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => (errors += outstanding));
  send(outstanding);
}

const agent = new Agent({ keepAlive: true });
const bodies = Array.from({ length: keys }, (_, key) => putBody(`/bench/k${key}`));

function putForEver(): void {
  const body = bodies[next++ % keys] ?? '';
  const asked = request(
    {
      ...{ agent, host: '127.0.0.1', port: load.port, path: '/v3/kv/put', method: 'POST' },
      headers: { 'content-length': body.length },
    },
    (response) => {
      if (response.statusCode === 200) acknowledged++;
      else errors++;
      response.resume();
      response.once('end', putForEver);
    },
  );
  asked.once('error', () => errors++);
  asked.end(body);
}

switch (load.system) {
  case 'Zoogate':
    for (let index = 0; index < connections; index++) await openWebSocket();
    break;
  case 'ZooKeeper':
    for (let index = 0; index < connections; index++) await openZooKeeper();
    break;
  case 'etcd':
    for (let index = 0; index < 64; index++) putForEver();
}
const count = (): void => print({ acknowledged, errors } satisfies SteadyCount);
process.stdin.on('data', count);
count();
