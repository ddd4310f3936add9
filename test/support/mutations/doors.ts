/**
 * Faults at the doors, of clients and of peers, which no simulated run passes: it speaks to the replica itself.
 * Each has a check of its own (`test/unit/shielded`).
 */
import type { Edit, Mutation } from './mutation.ts';

const rest = (find: string, replace = ''): readonly Edit[] => [
  { file: 'gateway/rest/idempotency.ts', find, replace },
];

const websocket = (find: string, replace: string): readonly Edit[] => [
  { file: 'gateway/websocket/fingerprint.ts', find, replace },
];

export const doorMutations = [
  {
    name: 'restKeyForgetsMethod',
    rule: 'Under an idempotency key another method is another request.',
    edits: rest('request.raw.method,'),
  },
  {
    name: 'restKeyForgetsRoute',
    rule: 'Under an idempotency key a PUT to /acl is another request than one to /znodes.',
    edits: rest('request.route,'),
  },
  {
    name: 'restKeyForgetsPath',
    rule: 'Under an idempotency key another path is another request.',
    edits: rest('request.pathText,'),
  },
  {
    name: 'restKeyForgetsQuery',
    rule: 'Under an idempotency key another query is another request.',
    edits: rest('Object.entries(request.query).sort(([one], [other]) => (one < other ? -1 : 1)),'),
  },
  {
    name: 'restKeyForgetsCondition',
    rule: 'Under an idempotency key another If-Match is another request.',
    edits: rest("['if-match', ", '['),
  },
  {
    name: 'restKeyForgetsCreateOnly',
    rule: 'Under an idempotency key another If-None-Match is another request.',
    edits: rest("'if-none-match', "),
  },
  {
    name: 'restKeyForgetsAcl',
    rule: 'Under an idempotency key another Zk-Acl is another request.',
    edits: rest(", 'zk-acl'"),
  },
  {
    name: 'restKeyForgetsSession',
    rule: 'Under an idempotency key another session is another request.',
    edits: rest('request.session()?.id ?? 0,'),
  },
  {
    name: 'restKeyForgetsBody',
    rule: 'Under an idempotency key another body is another request.',
    edits: rest("createHash('sha256').update(body).digest('base64'),"),
  },
  {
    name: 'restKeyForgetsIdentity',
    rule: 'Under an idempotency key another proven identity is another request.',
    edits: rest("request.identities().filter(({ scheme }) => scheme !== 'ip'),"),
  },
  {
    name: 'restKeyRemembersAddress',
    rule: 'A retry may come from another address.',
    edits: rest(".filter(({ scheme }) => scheme !== 'ip')"),
  },
  {
    name: 'messageKeyForgetsAcl',
    rule: 'Under an idempotency key a message with another ACL is another request.',
    edits: websocket('idempotencyKey: _key, ', 'idempotencyKey: _key, acl: _acl, '),
  },
  {
    name: 'messageKeyForgetsSession',
    rule: 'Under an idempotency key the message of another session is another request.',
    edits: websocket('canonical(rest), session, who', 'canonical(rest), who'),
  },
  {
    name: 'messageKeyForgetsIdentity',
    rule: 'Under an idempotency key a message of another proven identity is another request.',
    edits: websocket('canonical(rest), session, who', 'canonical(rest), session'),
  },
  {
    name: 'messageKeyRemembersAddress',
    rule: 'A retry of a message may come from another address.',
    edits: websocket(".filter(({ scheme }) => scheme !== 'ip')", ''),
  },
  {
    name: 'expiredIsWaitedOut',
    rule: 'The end of its session ends a long poll at once.',
    edits: [
      {
        file: 'gateway/common/sessions.ts',
        find: "return new CoordinationError('SESSIONEXPIRED',",
        replace: "return undefined; new CoordinationError('SESSIONEXPIRED',",
      },
    ],
  },
  {
    name: 'suspendedIsWaitedOut',
    rule: 'A node without a leader ends the long polls that wait there.',
    edits: [
      {
        file: 'gateway/common/sessions.ts',
        find: "return new CoordinationError('CONNECTIONLOSS',",
        replace: "return undefined; new CoordinationError('CONNECTIONLOSS',",
      },
    ],
  },
  {
    name: 'listingsAreCompared',
    rule: 'A wait for a listing that has no ETag is refused, and not ignored.',
    edits: [
      { file: 'gateway/rest/reads.ts', find: 'if (!tagged) refuseTag(request);', replace: '' },
    ],
  },
  {
    name: 'waitForNothing',
    rule: 'A wait that waits for nothing is refused, and not ignored.',
    edits: [
      {
        file: 'gateway/rest/request.ts',
        find: 'if (wait !== undefined && asked === undefined && ',
        replace: 'if (false && ',
      },
    ],
  },
  {
    name: 'bytesOfBodyAreText',
    rule: 'JSON of a client that is no UTF-8 is refused.',
    edits: [
      {
        file: 'gateway/common/json-bytes.ts',
        find: 'if (!isUtf8(bytes)) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'deepBodyIsParsed',
    rule: 'JSON of a client that nests too deep is refused before it is parsed.',
    edits: [
      {
        file: 'gateway/common/json-bytes.ts',
        find: 'if (nestsDeeper(',
        replace: 'if (false && nestsDeeper(',
      },
    ],
  },
  {
    name: 'bytesOfMessageAreText',
    rule: 'A message of the broadcast protocol that is no UTF-8 is refused.',
    edits: [{ file: 'transport/fields.ts', find: '{ fatal: true }', replace: '{ fatal: false }' }],
  },
  {
    name: 'deepMessageIsParsed',
    rule: 'A message of the broadcast protocol that nests too deep is refused before it is parsed.',
    edits: [
      {
        file: 'transport/fields.ts',
        find: 'if (nestsDeeper(',
        replace: 'if (false && nestsDeeper(',
      },
    ],
  },
  {
    name: 'bytesOfFrameAreText',
    rule: 'A frame of another replica that is no UTF-8 is refused.',
    edits: [{ file: 'replica/peer-codec.ts', find: 'if (!isUtf8(json))', replace: 'if (false)' }],
  },
  {
    name: 'deepFrameIsParsed',
    rule: 'A frame of another replica that nests too deep is refused before it is parsed.',
    edits: [
      {
        file: 'replica/peer-codec.ts',
        find: 'if (nestsDeeper(',
        replace: 'if (false && nestsDeeper(',
      },
    ],
  },
  {
    name: 'anyNumberIsCounted',
    rule: 'No epoch, zxid or round is taken from a peer whose successor could not be counted exactly.',
    edits: [
      {
        file: 'transport/fields.ts',
        find: 'if (number <= countedMax) return number;',
        replace: 'if (number >= 0) return number;',
      },
    ],
  },
] as const satisfies readonly Mutation[];

export type DoorMutationName = (typeof doorMutations)[number]['name'];
