import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { filesIn, openFilesMax, withinFiles } from '../../../src/server/open-files.ts';

const limits = {
  ...defaultLimits,
  ...{ connectionsMax: 1000, connectionsPerClientMax: 500, filesReserved: 100 },
};

describe('the files that the process may open', () => {
  it('are those that the system says', async () => {
    expect(await openFilesMax()).toBeGreaterThan(100);
  });

  it.each([
    ['Max open files            256                  524288               files\n', 256],
    ['Max open files            unlimited            unlimited            files\n', undefined],
    ['Max processes             256                  256                  processes\n', undefined],
  ])('%s', (text, files) => {
    expect(filesIn(`Limit  Soft Limit  Hard Limit  Units\n${text}`)).toBe(files);
  });
});

describe('connections of clients', () => {
  it.each([undefined, 1100, 5000])('are as many as configured with %s files', (files) => {
    expect(withinFiles(limits, files)).toEqual({ limits });
  });

  it('leave files to the disk and the other members, and a quarter of theirs to other clients', () => {
    const { limits: bounded, warning } = withinFiles(limits, 501);
    expect(bounded).toEqual({ ...limits, connectionsMax: 401, connectionsPerClientMax: 301 });
    expect(warning).toBeUndefined();
  });

  it('are told to the operator where they are few', () => {
    expect(withinFiles(limits, 150).warning).toBe(
      'the process may open 150 files: clients get 50 connections, one client 38; for 1000 ' +
        'connections raise the limit of open files (ulimit -n; LimitNOFILE in systemd) to 1100',
    );
  });

  it('must be possible at all', () => {
    expect(() => withinFiles(limits, 100)).toThrow('The process may open 100 files');
  });
});
