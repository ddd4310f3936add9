/** The image and the composition of three nodes, checked without a container engine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { healthCommand } from '../../../src/server/health-check.ts';
import { configFor, deployFile, imageEnvironment, productVersion, root } from './files.ts';
import { yamlDocuments } from './files.ts';

interface Service {
  readonly image: string;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly stop_grace_period: string;
  readonly ulimits: { readonly nofile: number };
  readonly privileged?: boolean;
  readonly command?: unknown;
}

interface Composition {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const dockerfile = deployFile('Dockerfile');
const instructions = dockerfile
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.replace(/^\S+\s+/, '') }));
const stages = instructions.filter(({ name }) => name === 'FROM');

function last(name: string): string {
  return instructions.filter((instruction) => instruction.name === name).at(-1)?.rest ?? '';
}

describe('the image', () => {
  it('is built in stages, from one version of Node that is supported here', () => {
    expect(stages.length).toBeGreaterThan(1);
    const images = new Set(stages.map(({ rest }) => rest.split(' ', 1)[0]));
    expect([...images]).toEqual([expect.stringMatching(/^node:(22|24)-[\w-]*slim$/)]);
  });

  it('copies what there is, and what the list of exclusions lets through', () => {
    const admitted = deployFile('Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = instructions
      .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
      .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1));
    expect(copied.length).toBeGreaterThan(3);
    for (const path of copied) {
      expect(existsSync(join(root, path)), path).toBe(true);
      expect(admitted).toContain(path);
    }
  });

  it('ends with a user who is not root, and with the command of a node', () => {
    expect(last('USER')).toMatch(/^[1-9][0-9]*:[1-9][0-9]*$/);
    expect(JSON.parse(last('ENTRYPOINT'))).toEqual(['node', '/app/dist/server/main.js']);
    expect(JSON.parse(last('CMD'))).toEqual(['serve']);
    const lastStage = instructions.findLastIndex(({ name }) => name === 'FROM');
    const user = instructions.findLastIndex(({ name }) => name === 'USER');
    expect(user).toBeGreaterThan(lastStage);
  });

  it('asks for its health by a command that it has', async () => {
    const [, command = ''] = /CMD (\[.*\])$/.exec(last('HEALTHCHECK')) ?? [];
    const [node, script, name, ...args] = JSON.parse(command) as string[];
    expect([node, script, name]).toEqual(['node', '/app/dist/server/main.js', 'health']);
    expect(await healthCommand([...args, '--help'])).toBe(0);
  });

  it('has settings that are settings, and says the ports that they mean', () => {
    const { port, peerPort, dataDir, host } = configFor(imageEnvironment());
    expect(last('EXPOSE')).toBe(`${port} ${peerPort}`);
    expect(last('VOLUME')).toBe(dataDir);
    expect(dockerfile).toMatch(`chown node:node ${dataDir}`);
    // Whoever runs it decides who may reach it.
    expect(host).toBe('127.0.0.1');
  });
});

describe('the composition', () => {
  const [composition] = yamlDocuments<Composition>(deployFile('compose.yaml'));
  const services = Object.entries(composition?.services ?? {});
  const nodes = services.map(([name, service]) => ({
    name,
    service,
    config: configFor({ ...imageEnvironment(), ...service.environment }),
  }));

  it('is an ensemble of three that know one another by the names of their services', () => {
    expect(nodes.map(({ config }) => config.id)).toEqual([1, 2, 3]);
    for (const { config } of nodes) {
      expect(config.members).toEqual(
        nodes.map(({ name, config: { id, peerPort } }) => ({
          ...{ id, role: 'participant', host: name, port: peerPort },
        })),
      );
    }
  });

  it('gives each node the files for all connections and for itself', () => {
    for (const { service, config } of nodes) {
      const { connectionsMax, filesReserved } = config.limits;
      expect(service.ulimits.nofile).toBeGreaterThanOrEqual(connectionsMax + filesReserved);
    }
  });

  it('publishes nothing beyond this machine, and tells clients what it publishes', () => {
    const published = nodes.map(({ service, config }) => {
      expect(service.ports).toHaveLength(1);
      const [address = '', outside = '', inside = ''] = service.ports[0]?.split(':') ?? [];
      expect(address).toBe('127.0.0.1');
      expect(Number(inside)).toBe(config.port);
      expect(config.clientUrl).toBe(`http://127.0.0.1:${outside}`);
      return outside;
    });
    expect(new Set(published).size).toBe(3);
  });

  it('keeps the data of each node in a volume of its own', () => {
    const volumes = nodes.map(({ service, config }) => {
      const [name = '', place = ''] = service.volumes[0]?.split(':') ?? [];
      expect(place).toBe(config.dataDir);
      expect(Object.keys(composition?.volumes ?? {})).toContain(name);
      return name;
    });
    expect(new Set(volumes).size).toBe(3);
  });

  it('gives the nodes no rights, and time to stop', () => {
    for (const { service, config } of nodes) {
      expect(service).toMatchObject({
        image: `zoogate:${productVersion()}`,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      expect(service).not.toHaveProperty('privileged');
      expect(service).not.toHaveProperty('command');
      expect(
        existsSync(join(root, 'deploy', service.build.context, service.build.dockerfile)),
      ).toBe(true);
      expect(Number.parseInt(service.stop_grace_period) * 1000).toBeGreaterThan(
        config.shutdownTimeout,
      );
    }
  });
});
