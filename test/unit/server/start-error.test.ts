import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import {
  diskFailure,
  listenStartError,
  StartError,
  storageStartError,
} from '../../../src/server/start-error.ts';
import { DirectoryInUseError, InconsistentDirectoryError } from '../../../src/storage/errors.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code, syscall: 'open' });
}

describe('the error of a data directory', () => {
  it.each([
    new DirectoryInUseError('./data/1', 'process 7'),
    new InconsistentDirectoryError('its log is missing'),
  ])('is its own message where it has one', (error) => {
    const explained = storageStartError(error, './data/1');
    expect(explained).toBeInstanceOf(StartError);
    expect((explained as StartError).message).toBe(error.message);
  });

  it('names the directory, and what to do, where the system refuses it', () => {
    const explained = storageStartError(systemError('EACCES'), './data/1') as StartError;
    expect(explained.message).toBe(
      'the data directory ./data/1 cannot be used (EACCES): this user may not write at ./data/1; ' +
        'give it to this user, or choose another --data-dir',
    );
  });

  it.each([
    ['EMFILE', 'this process may open no more files: raise the limit of open files (ulimit -n;'],
    ['ENFILE', 'this machine may open no more files: raise fs.file-max'],
  ])('says which limit of open files is met (%s)', (code, problem) => {
    const explained = storageStartError(systemError(code), './data/1') as StartError;
    expect(explained.message).toContain(`./data/1 cannot be used (${code}): ${problem}`);
  });

  it.each(['ENOSPC', 'EDQUOT'])('says what is missing on a full disk (%s)', (code) => {
    const explained = storageStartError(systemError(code), './data/1', {
      freeBytes: 12_700_000,
      segmentBytes: 64 * 1024 * 1024,
    });
    expect((explained as StartError).message).toBe(
      `the data directory ./data/1 cannot be used (${code}): there is no room at ./data/1: ` +
        '12.1 MiB are free, and a file of the log takes 64 MiB (--segment-size). ' +
        'Make room on its disk, or choose another --data-dir',
    );
  });

  it('names the directory where its content contradicts itself', () => {
    const explained = storageStartError(new Error('snapshot: it is incomplete'), './data/1');
    expect((explained as StartError).message).toBe(
      'the data directory ./data/1 is refused: snapshot: it is incomplete',
    );
  });

  it('stays a fault of the program where it is one', () => {
    for (const error of [new TypeError('x is undefined'), new InvariantError('never')]) {
      expect(storageStartError(error, './data/1')).toBe(error);
    }
  });
});

describe('the error that ends a node that has served', () => {
  it('names the directory, and says what to do, where it is one of the disk', () => {
    expect(diskFailure(systemError('ENOSPC'), './data/1').message).toBe(
      'the data directory ./data/1 cannot be written to (ENOSPC: it failed); its disk is full: ' +
        'make room there, and start the node again. ' +
        'Nothing has been acknowledged that is not on the disk',
    );
    expect(diskFailure(systemError('EIO'), './data/1').message).toContain('look after its disk');
  });

  it('names the limit of open files where that is what it has met', () => {
    expect(diskFailure(systemError('EMFILE'), './data/1').message).toBe(
      'the data directory ./data/1 cannot be written to (EMFILE: it failed); this process may open ' +
        'no more files: raise the limit of open files (ulimit -n; LimitNOFILE in systemd), or keep ' +
        'more of them from clients (--limit filesReserved), and start the node again. ' +
        'Nothing has been acknowledged that is not on the disk',
    );
    expect(diskFailure(systemError('ENFILE'), './data/1').message).toContain('raise fs.file-max');
  });

  it('stays what it is otherwise', () => {
    const error = new InvariantError('never');
    expect(diskFailure(error, './data/1')).toBe(error);
  });
});

describe('the error of listening', () => {
  const address = { host: '127.0.0.1', port: 8181 };

  it.each([
    ['EADDRINUSE', 'another process listens there'],
    ['EADDRNOTAVAIL', 'this machine has no such address'],
    ['EACCES', 'this user may not listen there'],
    ['EMFILE', 'EMFILE: it failed'],
  ])('explains %s', (code, problem) => {
    const explained = listenStartError(systemError(code), address) as StartError;
    expect(explained).toBeInstanceOf(StartError);
    expect(explained.message).toMatch(`cannot listen on 127.0.0.1 port 8181 (${code}): ${problem}`);
  });

  it('names the settings of the socket for the other members', () => {
    const explained = listenStartError(systemError('EADDRINUSE'), address, 'members') as StartError;
    expect(explained.message).toBe(
      'cannot listen on 127.0.0.1 port 8181 for the other members (EADDRINUSE): ' +
        'another process listens there; stop it, or choose another --peer-port',
    );
  });

  it('stays what it is otherwise', () => {
    const error = new TypeError('x is undefined');
    expect(listenStartError(error, address)).toBe(error);
  });
});
