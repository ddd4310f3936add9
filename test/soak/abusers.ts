/**
 * Clients that take more than they should: each function is one round of one of them. They connect from loopback
 * addresses of their own, so that a node can tell them from the good ones. What a node answers, and whether it ends
 * their connections, is its own affair: only the good clients are judged.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { pause } from '../support/waiting.ts';

/** One node as an abuser sees it. */
export interface Target {
  readonly port: number;
  /** The client address of this abuser, `127.0.0.x`. */
  readonly from: string;
}

/** Exists on every node before the abuse begins: 1 MiB that everyone may read and write. */
export const bigZnode = '/abused/big';

const mebibyte = 1 << 20;
const host = '127.0.0.1';

/** Errors of an abuser's connection are what a node may do to it. */
function dial({ port, from }: Target): Socket {
  return connect({ host, port, localAddress: from }).on('error', () => undefined);
}

function open(target: Target, count: number): Socket[] {
  return Array.from({ length: count }, () => dial(target));
}

function destroyAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

const head = (method: string, path: string, ...lines: readonly string[]): string =>
  [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');

/** Asks 1,000 times for a mebibyte on one connection and reads nothing of it. */
export async function pipelinedReads(target: Target): Promise<void> {
  const sockets = open(target, 2);
  for (const socket of sockets) {
    socket.pause();
    socket.write(head('GET', `/znodes${bigZnode}`).repeat(1000));
  }
  await pause(15_000);
  destroyAll(sockets);
}

/** Puts event streams and long polls one after another on one connection, and goes away. */
export async function pipelinedWaits(target: Target): Promise<void> {
  const sockets = open(target, 2);
  const [streams, polls] = sockets;
  streams?.write(head('GET', '/watch/abused').repeat(500));
  polls?.write(head('GET', '/znodes/nothing?wait=5m&until=exists').repeat(500));
  await pause(3000);
  destroyAll(sockets);
}

/** Opens event streams with the data of a mebibyte that a good client writes again and again, and reads their heads only. */
export async function silentReaders(target: Target): Promise<void> {
  const sockets = open(target, 100);
  for (const socket of sockets) {
    socket.once('data', () => socket.pause());
    socket.write(head('GET', `/watch${bigZnode}?with=data`));
  }
  await pause(16_000);
  destroyAll(sockets);
}

/** Declares large bodies, sends most of them, and never the rest. */
export async function slowUploads(target: Target): Promise<void> {
  const sockets = open(target, 20);
  const length = 8 * mebibyte;
  for (const socket of sockets) {
    socket.resume();
    const lines = ['Content-Type: application/json', `Content-Length: ${length}`];
    socket.write(head('POST', '/multi', ...lines));
  }
  for (let second = 0; second < 20; second += 1) {
    for (const socket of sockets) socket.write(Buffer.alloc(length / 64, 32));
    await pause(1000);
  }
  destroyAll(sockets);
}

/** A body of JSON that is all brackets. */
export async function brackets(target: Target): Promise<void> {
  const depth = mebibyte;
  const socket = dial(target);
  socket.resume();
  const lines = ['Content-Type: application/json', `Content-Length: ${2 * depth}`];
  socket.write(head('POST', '/multi', ...lines));
  socket.write('['.repeat(depth) + ']'.repeat(depth));
  await pause(2000);
  socket.destroy();
}

/** More sockets than the node may have descriptors, and nothing on them. */
export async function idleSockets(target: Target): Promise<void> {
  const sockets = open(target, 1500);
  await pause(20_000);
  destroyAll(sockets);
  await pause(2000);
}

/** Sets as many watches as it can in some seconds, and goes away without a word. */
export async function manyWatches(target: Target): Promise<void> {
  const { port, from } = target;
  const socket = new WebSocket(`ws://${host}:${port}/ws`, { localAddress: from });
  socket.on('error', () => undefined);
  socket.on('open', () => {
    socket.send('{"type":"connect","id":1,"batch":true}');
    for (let first = 2; first < 50_000; first += 1000) {
      const watches = Array.from({ length: 1000 }, (_, index) => ({
        ...{ type: 'watch', id: first + index, mode: 'persistent' },
        path: `/abused/services/${first + index}`,
      }));
      socket.send(JSON.stringify(watches));
    }
  });
  await pause(5000);
  socket.terminate();
}

/** Gives one znode after another an ACL that no other has. */
export async function strangeAcls(target: Target): Promise<void> {
  const operations = Array.from({ length: 100 }, () => {
    const acl = [{ scheme: 'digest', id: `u:${randomBytes(20).toString('base64')}`, perms: 'r' }];
    const path = `/abused/t${randomBytes(8).toString('hex')}`;
    return [
      { op: 'create', path, acl },
      { op: 'delete', path },
    ];
  }).flat();
  const body = JSON.stringify({ operations });
  const socket = dial(target);
  socket.resume();
  const lines = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
  socket.write(head('POST', '/multi', ...lines) + body);
  await pause(1000);
  socket.destroy();
}

/** Each with a client address of its own. */
export const abusers = {
  ...{ pipelinedReads, pipelinedWaits, silentReaders, slowUploads },
  ...{ brackets, idleSockets, manyWatches, strangeAcls },
} as const satisfies Record<string, (target: Target) => Promise<void>>;
