/** Bodies that the generated document shows, consistent with one another. */

const stat = {
  czxid: 117,
  mzxid: 120,
  pzxid: 117,
  ctime: 1_763_700_000_000,
  mtime: 1_763_700_060_000,
  version: 3,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0,
  dataLength: 5,
  numChildren: 0,
  kind: 'persistent',
};

const created = { ...stat, mzxid: 117, mtime: stat.ctime, version: 0 };

export const examples = {
  stat: { path: '/config/db', stat },
  znode: { path: '/config/db', data: 'hello', encoding: 'utf8', stat },
  create: { data: 'hello', sequential: true, parents: true },
  written: { path: '/config/db', name: 'db', created: false, stat, zxid: 120 },
  created: {
    path: '/tasks/task-0000000000',
    name: 'task-0000000000',
    sequence: 0,
    created: true,
    stat: created,
    zxid: 117,
  },
  children: { path: '/config', children: ['cache', 'db'], stat: { ...stat, numChildren: 2 } },
  subtree: {
    path: '/config/db',
    zxid: 120,
    nodes: [{ path: '/config/db', stat }],
    truncated: false,
  },
  acl: [
    { scheme: 'world', id: 'anyone', perms: 'r' },
    { scheme: 'digest', id: 'ann:nGLc7VUmLqIWoUD0FS85yzCvoEE=', perms: 'cdrwa' },
  ],
  znodeAcl: {
    path: '/config/db',
    acl: [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }],
    stat,
  },
  aclWritten: { path: '/config/db', stat: { ...stat, aversion: 1 }, zxid: 121 },
  // Succeeds on any node, as often as it is sent.
  multi: {
    operations: [
      { op: 'check', path: '/batch', exists: false },
      { op: 'create', path: '/batch', data: 'hello' },
      { op: 'set', path: '/batch', data: 'aGVsbG8=', encoding: 'base64', version: 0 },
      { op: 'delete', path: '/batch' },
    ],
  },
  multiAnswer: {
    zxid: 117,
    results: [
      { op: 'check', path: '/batch', code: 'OK' },
      { op: 'create', path: '/batch', stat: created, code: 'OK' },
      { op: 'set', path: '/batch', stat: { ...created, version: 1 }, code: 'OK' },
      { op: 'delete', path: '/batch', code: 'OK' },
    ],
  },
  multiRead: {
    operations: [
      { op: 'get', path: '/config/db' },
      { op: 'children', path: '/config' },
    ],
    consistency: 'local',
  },
  multiReadAnswer: {
    zxid: 120,
    results: [
      { op: 'get', code: 'OK', path: '/config/db', data: 'hello', encoding: 'utf8', stat },
      { op: 'children', path: '/gone', code: 'NONODE' },
    ],
  },
  position: { zxid: 120 },
  whoami: { identities: [{ scheme: 'ip', id: '127.0.0.1' }], session: 42 },
  newSession: {
    id: 42,
    secret: 'AAAAAAAAAAAAAAAAAAAAAA',
    token: '42:AAAAAAAAAAAAAAAAAAAAAA',
    timeoutMs: 10_000,
    heartbeatMs: 3333,
  },
  session: { id: 42, timeoutMs: 10_000, expiresInMs: 9800, ephemerals: 1, connected: false },
  ephemerals: { paths: ['/members/a'] },
  ensemble: {
    clusterId: '7d1a2c4e9f0b4a6d',
    configZxid: 0,
    epoch: 1,
    leader: 1,
    readOnly: false,
    members: [
      {
        id: 1,
        role: 'participant',
        votes: true,
        state: 'leading',
        peer: null,
        url: 'http://127.0.0.1:8181',
        zxid: 120,
        lag: 0,
      },
    ],
    self: 1,
  },
  snapshot: { zxid: 120, bytes: 4096 },
  events:
    'retry: 1000\n\nid: 117.0\nevent: NodeCreated\ndata: {"type":"NodeCreated","path":"/config/db","zxid":117}\n\n',
  problem: {
    type: 'urn:zoogate:error:NONODE',
    title: 'No such znode',
    status: 404,
    detail: '/config/db does not exist',
    instance: '/znodes/config/db',
    code: 'NONODE',
    zkCode: -101,
    path: '/config/db',
    zxid: 120,
    outcome: 'not-applied',
    retryable: false,
  },
} as const;
