/**
 * One process at a time on a data directory.
 *
 * Node has no `flock`, and a file that names a process id proves nothing: ids are reused, and mean nothing
 * in another container that shares the volume. A listening Unix socket is what the kernel takes back by
 * itself when its process ends, however it ends, and whoever sees the file can ask whether it is alive.
 *
 * Each claimant first listens on a socket of a name never used before (`lock.<process id>.<random>`), and
 * only then looks at the others: one that accepts a connection is alive, and the claimant gives up; one
 * that refuses is the rest of a dead process and is removed. Of two that start at once at least one sees
 * the other, so never both go on; that both give up is possible, and harmless.
 */
import { randomBytes } from 'node:crypto';
import { readdir, unlink, open, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DirectoryInUseError } from './errors.ts';

/** A socket's address holds 108 bytes with its terminator on Linux, 104 elsewhere. */
const SOCKET_PATH_BYTES_MAX = 103;

export interface DirectoryLock {
  release(): Promise<void>;
}

/** @throws DirectoryInUseError when a living process holds the directory. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const name = `lock.${String(process.pid)}.${randomBytes(6).toString('hex')}`;
  const short = await shortPath(directory, name);
  try {
    const server = await listen(join(short.path, name));
    const lock = { release: () => close(server) };
    try {
      await refuseIfHeld({ directory, reachable: short.path, own: name });
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  } finally {
    await short.handle?.close();
  }
}

/** A name of the directory that leaves room for a socket's name in a socket's address. */
async function shortPath(
  directory: string,
  name: string,
): Promise<{ path: string; handle?: FileHandle }> {
  if (Buffer.byteLength(join(directory, name)) <= SOCKET_PATH_BYTES_MAX) return { path: directory };
  if (process.platform !== 'linux') {
    throw new Error(`the path of the data directory is too long for its lock: ${directory}`);
  }
  const handle = await open(directory, 'r');
  return { path: `/proc/self/fd/${String(handle.fd)}`, handle };
}

async function refuseIfHeld(at: {
  directory: string;
  reachable: string;
  own: string;
}): Promise<void> {
  for (const name of await readdir(at.directory)) {
    const processId = /^lock\.(\d+)\.[0-9a-f]+$/.exec(name)?.[1];
    if (processId === undefined || name === at.own) continue;
    if (await isAlive(join(at.reachable, name))) {
      throw new DirectoryInUseError(at.directory, `process ${processId}`);
    }
    await unlink(join(at.directory, name)).catch(ignoreMissing);
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      const { code, syscall, message } = error;
      const explained = new Error(`the lock of the data directory cannot be made: ${message}`);
      reject(Object.assign(explained, { code, syscall }));
    });
    server.listen({ path, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Closing removes the socket's file too. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog is somebody who listens.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
