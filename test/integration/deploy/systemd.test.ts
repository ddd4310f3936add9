/** The unit and its settings. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/server-process.ts';
import { configFor, deployFile } from './files.ts';

const unit = deployFile('systemd/zoogate.service');

function valuesOf(name: string): string[] {
  const lines = unit.split('\n').filter((line) => line.startsWith(`${name}=`));
  return lines.map((line) => line.slice(name.length + 1));
}

describe('the unit', () => {
  it('runs a node with the settings beside it', () => {
    const [node, script, command, flag, file, ...more] = valuesOf('ExecStart')[0]?.split(' ') ?? [];
    expect([node, script, command]).toEqual([
      '/usr/bin/node',
      '/opt/zoogate/dist/server/main.js',
      'serve',
    ]);
    expect([flag, file, ...more]).toEqual(['--config', '/etc/zoogate/zoogate.yaml']);
    const settings = join(temporaryDirectory(), 'zoogate.yaml');
    writeFileSync(settings, deployFile('systemd/zoogate.yaml'));
    const config = configFor({}, ['--config', settings]);
    expect(config.members.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(config.dataDir).toBe(`/var/lib/${valuesOf('StateDirectory')[0] ?? ''}`);
    const [stop = ''] = valuesOf('TimeoutStopSec');
    expect(stop).toMatch(/^\d+s$/);
    expect(Number.parseInt(stop) * 1000).toBeGreaterThan(config.shutdownTimeout);
    const { connectionsMax, filesReserved } = config.limits;
    expect(Number(valuesOf('LimitNOFILE')[0])).toBeGreaterThanOrEqual(
      connectionsMax + filesReserved,
    );
  });

  it('gives the node no rights', () => {
    expect(valuesOf('User')).toEqual(['zoogate']);
    expect(valuesOf('NoNewPrivileges')).toEqual(['yes']);
    expect(valuesOf('CapabilityBoundingSet')).toEqual(['']);
    expect(valuesOf('ProtectSystem')).toEqual(['strict']);
    expect(valuesOf('SystemCallFilter')).toContain('@system-service');
    // The compiler of the runtime needs what this forbids.
    expect(valuesOf('MemoryDenyWriteExecute')).toEqual([]);
  });

  it('starts again after a fault, and not with a wrong configuration', () => {
    expect(valuesOf('Restart')).toEqual(['on-failure']);
    expect(valuesOf('RestartPreventExitStatus')).toEqual(['2']);
  });

  const analyze = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });

  it.runIf(analyze.status === 0)('is one to systemd', () => {
    const file = join(temporaryDirectory(), 'zoogate.service');
    // The commands need not be there where this is checked.
    writeFileSync(
      file,
      unit.replace('/usr/bin/node /opt/zoogate', `${process.execPath} /opt/zoogate`),
    );
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
    });
    const about = stderr.split('\n').filter((line) => line.includes('zoogate'));
    expect(about).toEqual([]);
    expect(status).toBe(0);
  });
});
