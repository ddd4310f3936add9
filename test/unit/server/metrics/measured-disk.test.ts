import { describe, expect, it } from 'vitest';
import { MeasuredDisk } from '../../../../src/server/metrics/index.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';

async function logFile(disk: MeasuredDisk): ReturnType<MeasuredDisk['openLog']> {
  await disk.makeDirectory('log');
  await (await disk.open('log/spare', 'create')).close();
  return disk.openLog('log/spare');
}

describe('a measured disk', () => {
  it('counts what is appended to the log once it is durable', async () => {
    const disk = new MeasuredDisk(new MemoryDisk());
    const file = await logFile(disk);
    await file.append({ offset: 0, bytes: new Uint8Array(10) });
    await file.append({ offset: 10, bytes: new Uint8Array(5) });
    await file.publish('log/1.log');
    await file.close();
    expect(disk.logWrites.bytes).toBe(15);
    expect(disk.logWrites.seconds.count).toBe(2);
    expect(await disk.list('log')).toEqual(['1.log']);
  });

  it('passes failures on and does not count them', async () => {
    const fault = ({ kind, path }: { kind: string; path: string }) =>
      kind === 'sync' && path === 'log/spare'
        ? ({ type: 'error', code: 'EIO' } as const)
        : undefined;
    const disk = new MeasuredDisk(new MemoryDisk({ fault }));
    const file = await logFile(disk);
    await expect(file.append({ offset: 0, bytes: new Uint8Array(1) })).rejects.toThrow('EIO');
    expect(disk.logWrites.seconds.count).toBe(0);
  });
});
