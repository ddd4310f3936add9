// Which folder of src/ may import which. A folder that is not listed may be imported by nobody but the server.
const mayImport = {
  protocol: [],
  tree: ['protocol'],
  sessions: ['protocol'],
  zab: ['protocol'],
  storage: ['protocol', 'zab'],
  transport: ['protocol', 'zab'],
  replica: ['protocol', 'sessions', 'tree', 'zab', 'storage', 'transport'],
  gateway: ['protocol'],
  client: ['protocol'],
  cli: ['protocol', 'client'],
  console: ['protocol', 'client'],
};

const layerRules = Object.entries(mayImport).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `${layer} may import ${allowed.length === 0 ? 'no other layer' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${[layer, ...allowed].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'layers-are-listed',
      comment: 'A new folder of src/ gets its line in the table above.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: `^src/(${[...Object.keys(mayImport), 'server'].join('|')})/`,
      },
      to: {},
    },
    {
      name: 'no-cycles',
      comment: 'Whoever reads a file of a cycle must read the whole cycle.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'pure-layers-import-nothing-impure',
      comment:
        'The pure layers run the same everywhere: nothing of Node, and TypeBox the one package.',
      severity: 'error',
      from: { path: '^src/(protocol|tree|sessions|zab)/' },
      to: { dependencyTypesNot: ['local'], pathNot: ['^src/', '@sinclair/typebox'] },
    },
    {
      name: 'no-io-between',
      comment:
        'Files and sockets are behind the Disk and the Network; the front doors are behind Fastify.',
      severity: 'error',
      from: { path: '^src/(replica|gateway)/' },
      to: { path: '^(node:)?(fs|fs/promises|net|tls|dgram|child_process|worker_threads|cluster)$' },
    },
    {
      name: 'no-test-in-product',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'declared-and-resolvable',
      comment:
        'An import that is no runtime dependency breaks an installation without dev dependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '@types/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};
