/** The manifests, checked without a cluster: do they say what the node understands, and nothing twice. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configFor, deployFile, healthPaths, imageEnvironment, productVersion } from './files.ts';
import { root, yamlDocuments } from './files.ts';

type Labels = Readonly<Record<string, string>>;

interface Resource {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly labels: Labels };
}

interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: string;
}

interface Service extends Resource {
  readonly spec: {
    readonly clusterIP?: string;
    readonly publishNotReadyAddresses?: boolean;
    readonly selector: Labels;
    readonly ports: readonly ServicePort[];
  };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly Variable[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: object;
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface StatefulSet extends Resource {
  readonly spec: {
    readonly serviceName: string;
    readonly replicas: number;
    readonly ordinals: { readonly start: number };
    readonly podManagementPolicy: string;
    readonly selector: { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: object;
        readonly containers: readonly [Container];
      };
    };
    readonly volumeClaimTemplates: readonly Resource[];
  };
}

interface Budget extends Resource {
  readonly spec: {
    readonly maxUnavailable: number;
    readonly selector: { readonly matchLabels: Labels };
  };
}

interface Policy extends Resource {
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Labels };
    readonly ingress: readonly {
      readonly from: readonly { readonly podSelector: object }[];
      readonly ports: readonly { readonly port: string }[];
    }[];
  };
}

interface Kustomization {
  readonly resources: readonly string[];
}

const namespace = 'coordination';
const [kustomization] = yamlDocuments<Kustomization>(deployFile('kubernetes/kustomization.yaml'));
const resources = (kustomization?.resources ?? []).flatMap((file) =>
  yamlDocuments<Resource>(deployFile(`kubernetes/${file}`)),
);

interface Kinds {
  readonly Service: Service;
  readonly StatefulSet: StatefulSet;
  readonly PodDisruptionBudget: Budget;
  readonly NetworkPolicy: Policy;
}

function all<K extends keyof Kinds>(kind: K): Kinds[K][] {
  return resources.filter((resource) => resource.kind === kind) as Kinds[K][];
}

function only<K extends keyof Kinds>(kind: K): Kinds[K] {
  const [found, ...more] = all(kind);
  if (found === undefined || more.length > 0) throw new Error(`there is not one ${kind}`);
  return found;
}

const set = only('StatefulSet');
const { spec } = set;
const pod = spec.template;
const [container] = pod.spec.containers;
const headless = all('Service').find(({ metadata }) => metadata.name === spec.serviceName);

/** As the kubelet makes it: fields of the pod, and `$(NAME)` of the variables before. */
function environmentOf(ordinal: number): Record<string, string> {
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': `${set.metadata.name}-${ordinal}`,
    'metadata.namespace': namespace,
    "metadata.labels['apps.kubernetes.io/pod-index']": String(ordinal),
  };
  const env: Record<string, string> = { ...imageEnvironment() };
  for (const { name, value, valueFrom } of container.env) {
    const field = valueFrom === undefined ? undefined : fields[valueFrom.fieldRef.fieldPath];
    const text = (value ?? field)?.replace(/\$\((\w+)\)/g, (_whole, other: string) => {
      expect(env).toHaveProperty(other);
      return env[other] ?? '';
    });
    if (text === undefined) throw new Error(`${name} has no value`);
    env[name] = text;
  }
  return env;
}

const ordinals = Array.from({ length: spec.replicas }, (_, index) => spec.ordinals.start + index);
const configs = ordinals.map((ordinal) =>
  configFor(environmentOf(ordinal), container.args.slice(1)),
);

describe('the manifests', () => {
  it('are all in the list', () => {
    const files = readdirSync(`${root}deploy/kubernetes`).filter((file) => file.endsWith('.yaml'));
    expect([...(kustomization?.resources ?? []), 'kustomization.yaml'].sort()).toEqual(
      files.sort(),
    );
  });

  it('name one application throughout', () => {
    const label = { 'app.kubernetes.io/name': 'zoogate' };
    for (const { metadata } of resources) expect(metadata.labels).toEqual(label);
    expect(spec.selector.matchLabels).toEqual(label);
    expect(pod.metadata.labels).toEqual(label);
    expect(only('PodDisruptionBudget').spec.selector.matchLabels).toEqual(label);
    expect(only('NetworkPolicy').spec.podSelector.matchLabels).toEqual(label);
    for (const service of all('Service')) expect(service.spec.selector).toEqual(label);
  });
});

describe('the set', () => {
  it('runs nodes of one ensemble, whose ids are the ordinals', () => {
    expect(container.args[0]).toBe('serve');
    expect(configs.map(({ id }) => id)).toEqual([1, 2, 3]);
    for (const { members } of configs) {
      expect(members).toEqual(
        configs.map(({ id, peerPort }) => ({
          id,
          role: 'participant',
          host: `${set.metadata.name}-${id}.${spec.serviceName}`,
          port: peerPort,
        })),
      );
    }
  });

  it('tells clients a name of each node that the cluster knows', () => {
    for (const { id, clientUrl, port } of configs) {
      const host = `${set.metadata.name}-${id}.${spec.serviceName}.${namespace}.svc`;
      expect(clientUrl).toBe(`http://${host}:${port}`);
    }
  });

  it('lets the nodes find one another before they are ready, and start at once', () => {
    expect(headless?.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(spec.podManagementPolicy).toBe('Parallel');
  });

  it('says the ports that the nodes have, everywhere', () => {
    const named = new Map(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    for (const { port, peerPort } of configs) {
      expect(Object.fromEntries(named)).toEqual({ http: port, peers: peerPort });
    }
    for (const service of all('Service')) {
      for (const { port, targetPort } of service.spec.ports) {
        expect(named.get(targetPort)).toBe(port);
      }
    }
    for (const { ports } of only('NetworkPolicy').spec.ingress) {
      for (const { port } of ports) expect(named.has(port)).toBe(true);
    }
  });

  it('probes routes that there are, and restarts nobody for a lost quorum', () => {
    for (const name of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      const { path, port } = container[name].httpGet;
      expect(healthPaths).toContain(path);
      expect(port).toBe('http');
    }
    expect(container.livenessProbe.httpGet.path).toBe('/health/live');
    expect(container.startupProbe.httpGet.path).toBe('/health/live');
    expect(container.readinessProbe.httpGet.path).toBe('/health/ready');
  });

  it('gives the nodes no rights, a data directory, and time to stop', () => {
    expect(pod.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.image).toBe(`zoogate:${productVersion()}`);
    expect(container.resources).toMatchObject({ requests: {}, limits: {} });
    const [mount] = container.volumeMounts;
    expect(spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual([mount?.name]);
    for (const { dataDir, shutdownTimeout } of configs) {
      expect(mount?.mountPath).toBe(dataDir);
      expect(pod.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(shutdownTimeout);
    }
  });

  it('never loses its quorum to an eviction', () => {
    const { maxUnavailable } = only('PodDisruptionBudget').spec;
    expect(maxUnavailable).toBeGreaterThan(0);
    expect(spec.replicas - maxUnavailable).toBeGreaterThan(spec.replicas / 2);
  });

  it('lets nobody but its own nodes to the peer port', () => {
    const { ingress } = only('NetworkPolicy').spec;
    const rules = ingress.filter(({ ports }) => ports.some(({ port }) => port === 'peers'));
    expect(rules.map(({ from }) => from)).toEqual([
      [{ podSelector: { matchLabels: spec.selector.matchLabels } }],
    ]);
  });
});
