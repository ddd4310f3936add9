/** What every `Disk` must do, so that what is tested on the one in memory holds on the real one. */
import { describe, expect, test } from 'vitest';
import type { Disk } from '../../../src/storage/disk.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** Another holder's view of the same directory. */
  again(): Promise<Disk>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function textAt(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  const bytes = await file.read(0, await file.size());
  await file.close();
  return new TextDecoder().decode(bytes);
}

async function put(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.write(0, bytesOf(text));
  await file.sync();
  await file.close();
}

export function describeDisk(name: string, make: () => Promise<DiskUnderTest>): void {
  describe(name, () => {
    describeFiles(make);
    describeNames(make);
    describeLogFiles(make);
  });
}

function describeFiles(make: () => Promise<DiskUnderTest>): void {
  test('reads what was written, at any offset, and zeros where nothing was', async () => {
    const { disk } = await make();
    const file = await disk.open('a', 'create');
    await file.write(0, bytesOf('hello'));
    await file.write(8, bytesOf('there'));
    await file.write(1, bytesOf('E'));
    await file.sync();
    expect(await file.size()).toBe(13);
    expect(new TextDecoder().decode(await file.read(0, 13))).toBe('hEllo\0\0\0there');
    expect(new TextDecoder().decode(await file.read(8, 3))).toBe('the');
    await file.close();
  });

  test('reads fewer bytes at the end of a file, and none behind it', async () => {
    const { disk } = await make();
    await put(disk, 'a', 'abc');
    const file = await disk.open('a', 'read');
    expect(await file.read(1, 10)).toHaveLength(2);
    expect(await file.read(3, 10)).toHaveLength(0);
    await file.close();
  });

  test('truncates to fewer and to more bytes', async () => {
    const { disk } = await make();
    await put(disk, 'a', 'abcdef');
    const file = await disk.open('a', 'write');
    await file.truncate(2);
    expect(await file.size()).toBe(2);
    await file.truncate(4);
    await file.close();
    expect(await textAt(disk, 'a')).toBe('ab\0\0');
  });

  test('creating a file that exists empties it; opening one that does not exist fails', async () => {
    const { disk } = await make();
    await put(disk, 'a', 'abc');
    await (await disk.open('a', 'create')).close();
    expect(await textAt(disk, 'a')).toBe('');
    await expect(disk.open('b', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(disk.open('b', 'write')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(disk.openLog('b')).rejects.toMatchObject({ code: 'ENOENT' });
  });
}

function describeNames(make: () => Promise<DiskUnderTest>): void {
  test('lists the names of a directory in order, and nothing for one that is not there', async () => {
    const { disk } = await make();
    await disk.makeDirectory('d');
    await disk.makeDirectory('d');
    for (const name of ['c', 'a', 'b']) await put(disk, `d/${name}`, name);
    await disk.syncDirectory('d');
    expect(await disk.list('d')).toEqual(['a', 'b', 'c']);
    expect(await disk.list('')).toContain('d');
    expect(await disk.list('nowhere')).toEqual([]);
  });

  test('renames over what is there, and removes', async () => {
    const { disk } = await make();
    await put(disk, 'a', 'new');
    await put(disk, 'b', 'old');
    await disk.rename('a', 'b');
    await disk.syncDirectory('');
    expect(await textAt(disk, 'b')).toBe('new');
    expect(await disk.list('')).toEqual(['b']);
    await disk.remove('b');
    expect(await disk.list('')).toEqual([]);
    await expect(disk.remove('b')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('has one holder at a time', async () => {
    const { disk, again } = await make();
    const other = await again();
    await disk.lock();
    await expect(other.lock()).rejects.toThrow(/in use by/);
    await disk.close();
    await other.lock();
    await other.close();
  });

  test('knows how much room there is', async () => {
    const { disk } = await make();
    expect(await disk.freeBytes()).toBeGreaterThan(0);
  });
}

function describeLogFiles(make: () => Promise<DiskUnderTest>): void {
  test('appends to a log file in the order of the calls, hints behind, then gives it its name', async () => {
    const { disk } = await make();
    await put(disk, 'spare', '\0'.repeat(12));
    const log = await disk.openLog('spare');
    const appends = [
      log.append({ offset: 0, bytes: Buffer.from('ab'), hint: Buffer.from('##') }),
      log.append({ offset: 2, bytes: Buffer.from('c'), hint: Buffer.from('##') }),
    ];
    await Promise.all(appends);
    await log.publish('first');
    await log.append({ offset: 3, bytes: Buffer.from('d') });
    await log.close();
    expect(await disk.list('')).toEqual(['first']);
    expect(await textAt(disk, 'first')).toBe(`abcd#${'\0'.repeat(7)}`);
    await disk.close();
  });
}
