/**
 * Messages into operations: for each type of the message table, how its fields become what the coordinator
 * understands and how its result is shown. `connect`, `auth` and `close` also change the connection and
 * are decoded where that is done.
 */
import { Type } from '@sinclair/typebox';
import type { TObject } from '@sinclair/typebox';
import { requestSchema, requestTable, requestTypes } from '../../protocol/websocket/client.ts';
import type { Access, RequestSpec, RequestType } from '../../protocol/websocket/client.ts';
import { assert } from '../../protocol/assert.ts';
import { rootPath } from '../../protocol/path.ts';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Acl, Identity, SessionId, WatchMode } from '../../protocol/model.ts';
import type {
  AclOperation,
  ChildrenOperation,
  DeleteOperation,
  Operation,
  PutOperation,
  SetOperation,
  TreeOperation,
} from '../../protocol/operations.ts';
import type { RequestMessage } from '../coordinator.ts';
import { fromWireAcl } from '../common/acl.ts';
import type { WireAclEntry } from '../common/acl.ts';
import { checkDataSize, decodeData } from '../common/data.ts';
import type { DataEncoding, DataFields } from '../common/data.ts';
import {
  checkCounting,
  checkEncodingUse,
  conditionOf,
  createOperation,
  multiOperation,
  multiReadOperation,
  znodePath,
} from '../common/operations.ts';
import type { ConditionFields, CreateFields } from '../common/operations.ts';
import { validatorOf } from '../common/validation.ts';
import {
  childEntriesEncoder,
  encodeAcl,
  encodeChildNames,
  encodeCreated,
  encodeEphemerals,
  encodeGet,
  encodeGetBase64,
  encodeMulti,
  encodeNothing,
  encodePut,
  encodeStat,
  encodeTree,
  encodeWhoami,
  multiReadEncoder,
} from './encode.ts';
import type { Encoder } from './encode.ts';
import { fieldSet, isPlain } from './fields.ts';
import type { Fields } from './fields.ts';
import { fingerprintOf } from './fingerprint.ts';

export interface DecodedRequest {
  readonly operation: Operation;
  readonly encode: Encoder;
}

type Decoder = (message: never, limits: Limits) => DecodedRequest;

/** What the connection itself decodes. */
export type ConnectionType = 'connect' | 'auth' | 'close';
export type OperationType = Exclude<RequestType, ConnectionType>;

interface PathField {
  readonly path: string;
}

function get(message: PathField & { watch?: boolean; encoding?: DataEncoding }, limits: Limits) {
  const path = znodePath(message.path, limits);
  const encode = message.encoding === 'base64' ? encodeGetBase64 : encodeGet;
  if (message.watch !== true) return { operation: { type: 'get', path } as const, encode };
  return { operation: { type: 'get', path, watch: true } as const, encode };
}

function exists(message: PathField & { watch?: boolean }, limits: Limits) {
  const path = znodePath(message.path, limits);
  if (message.watch !== true) {
    return { operation: { type: 'exists', path } as const, encode: encodeStat };
  }
  return { operation: { type: 'exists', path, watch: true } as const, encode: encodeStat };
}

function dataOf(message: DataFields, limits: Limits): Uint8Array {
  return checkDataSize(decodeData(message), limits);
}

function create(message: PathField & CreateFields, limits: Limits) {
  return {
    operation: createOperation(message.path, message, { limits }),
    encode: encodeCreated,
  };
}

function put(message: PathField & DataFields, limits: Limits) {
  const path = znodePath(message.path, limits);
  if (path === rootPath) {
    const detail = 'path: put does not write to the root "/", which belongs to all; use set';
    throw new CoordinationError('BADARGUMENTS', detail);
  }
  const operation: PutOperation = { type: 'put', path, data: dataOf(message, limits) };
  return { operation, encode: encodePut };
}

function set(message: PathField & DataFields & ConditionFields, limits: Limits) {
  const path = znodePath(message.path, limits);
  const data = dataOf(message, limits);
  const operation: SetOperation = { type: 'set', path, data, condition: conditionOf(message) };
  return { operation, encode: encodeStat };
}

function remove(message: PathField & ConditionFields & { recursive?: boolean }, limits: Limits) {
  const operation: DeleteOperation = {
    type: 'delete',
    path: znodePath(message.path, limits),
    condition: conditionOf(message),
    ...(message.recursive === true && { recursive: true }),
  };
  return { operation, encode: encodeNothing };
}

interface ChildrenFields extends PathField {
  readonly watch?: boolean;
  readonly limit?: number;
  readonly after?: string;
  readonly with?: 'stat' | 'data';
  readonly encoding?: DataEncoding;
}

function children(message: ChildrenFields, limits: Limits) {
  const { watch, limit, after, with: added, encoding } = message;
  checkEncodingUse(encoding, added, 'encoding');
  const operation: ChildrenOperation = {
    type: 'children',
    path: znodePath(message.path, limits),
    ...(watch === true && { watch }),
    ...(limit !== undefined && { limit: checkPage(limit, limits) }),
    ...(after !== undefined && { after }),
    ...(added !== undefined && { with: added }),
  };
  return {
    operation,
    encode: added === undefined ? encodeChildNames : childEntriesEncoder(encoding),
  };
}

interface TreeFields extends PathField {
  readonly depth?: number;
  readonly limit?: number;
  readonly after?: string;
  readonly count?: boolean;
}

function tree(message: TreeFields, limits: Limits) {
  const { depth, limit, after, count } = message;
  checkCounting(message);
  const operation: TreeOperation = {
    type: 'tree',
    path: znodePath(message.path, limits),
    ...(depth !== undefined && { depth }),
    ...(limit !== undefined && { limit: checkPage(limit, limits) }),
    ...(after !== undefined && { after: znodePath(after, limits, { field: 'after' }) }),
    ...(count === true && { count }),
  };
  return { operation, encode: encodeTree };
}

function checkPage(limit: number, limits: Limits): number {
  if (limit <= limits.pageEntriesMax) return limit;
  const detail = `limit: ${limit} entries exceed ${limitText(limits, 'pageEntriesMax')}`;
  throw new CoordinationError('BADARGUMENTS', detail);
}

function acl(message: PathField, limits: Limits) {
  const operation: AclOperation = { type: 'acl', path: znodePath(message.path, limits) };
  return { operation, encode: encodeAcl };
}

function setAcl(
  message: PathField & ConditionFields & { acl: readonly WireAclEntry[] },
  limits: Limits,
) {
  const path = znodePath(message.path, limits);
  const entries: Acl = fromWireAcl(message.acl, limits);
  const condition = conditionOf(message, '', 'acl');
  return {
    operation: { type: 'setAcl', path, acl: entries, condition } as const,
    encode: encodeStat,
  };
}

function multi(message: { operations: readonly unknown[] }, limits: Limits) {
  return { operation: multiOperation(message.operations, limits), encode: encodeMulti };
}

function multiRead(message: { operations: readonly unknown[] }, limits: Limits) {
  const { operation, encodings } = multiReadOperation(message.operations, limits);
  return { operation, encode: multiReadEncoder(encodings) };
}

function watch(message: PathField & { mode: WatchMode }, limits: Limits) {
  const path = znodePath(message.path, limits);
  return { operation: { type: 'watch', path, mode: message.mode } as const, encode: encodeNothing };
}

function unwatch({ path, mode }: PathField & { mode?: WatchMode }, limits: Limits) {
  const checked = znodePath(path, limits);
  return {
    operation: { type: 'unwatch', path: checked, ...(mode !== undefined && { mode }) } as const,
    encode: encodeNothing,
  };
}

function ephemerals({ prefix }: { prefix?: string }) {
  return {
    operation: { type: 'ephemerals', ...(prefix !== undefined && { prefix }) } as const,
    encode: encodeEphemerals,
  };
}

const syncRequest: DecodedRequest = { operation: { type: 'sync' }, encode: encodeNothing };
const pingRequest: DecodedRequest = { operation: { type: 'ping' }, encode: encodeNothing };
const whoamiRequest: DecodedRequest = { operation: { type: 'whoami' }, encode: encodeWhoami };

const decoders: Readonly<Record<OperationType, Decoder>> = {
  create,
  put,
  set,
  delete: remove,
  get,
  exists,
  children,
  tree,
  acl,
  setAcl,
  multi,
  multiRead,
  watch,
  unwatch,
  ephemerals,
  sync: () => syncRequest,
  ping: () => pingRequest,
  whoami: () => whoamiRequest,
};

/** It has no UTF-8: the log would hold another key. */
const loneSurrogate = /\p{Surrogate}/u;

/** The types whose plain messages need no more than the quick look. */
const quickTypes: ReadonlySet<RequestType> = new Set<RequestType>([
  'create',
  'put',
  'set',
  'delete',
  'get',
  'exists',
  'ping',
]);

/** One type of message, ready to be checked and decoded. */
export interface RequestKind {
  readonly type: RequestType;
  readonly access: Access;
  /** Of the quick look; 0 where every message is judged by the schema. */
  readonly allowed: number;
  readonly required: number;
  /** Absent for what the connection decodes itself. */
  readonly decode: Decoder | undefined;
  /** @throws CoordinationError BADARGUMENTS */
  readonly validate: (message: unknown) => unknown;
}

/** The members of a multi are judged one by one where they are decoded, by a schema of their own. */
function withOpenMembers(schema: TObject): TObject {
  const { properties } = schema;
  if (!('operations' in properties)) return schema;
  return { ...schema, properties: { ...properties, operations: Type.Array(Type.Unknown()) } };
}

function kindOf(type: RequestType): RequestKind {
  const { access, fields }: RequestSpec = requestTable[type];
  const schema: TObject = requestSchema(type);
  const { required = [] } = schema;
  let validate: ((message: unknown) => unknown) | undefined;
  return {
    type,
    access,
    allowed: quickTypes.has(type) ? fieldSet(Object.keys(schema.properties)) : 0,
    required: fieldSet(Object.keys(fields).filter((name) => required.includes(name))),
    decode: type in decoders ? decoders[type as OperationType] : undefined,
    // Compiled when first needed: a node that only ever gets plain messages compiles none.
    validate: (message) => (validate ??= validatorOf(withOpenMembers(schema)))(message),
  };
}

/** By the `type` of a message. */
export const requestKinds: ReadonlyMap<unknown, RequestKind> = new Map(
  requestTypes.map((type) => [type, kindOf(type)]),
);

/** @throws CoordinationError BADARGUMENTS naming field and problem */
export function checkMessage(kind: RequestKind, message: Fields): void {
  if (kind.allowed !== 0 && isPlain(message, kind.allowed, kind.required)) return;
  kind.validate(message);
}

/**
 * The operation of a message that has been checked.
 * @throws CoordinationError BADARGUMENTS, INVALIDACL, TOOLARGE for what a schema cannot say
 */
export function decodeRequest(kind: RequestKind, message: Fields, limits: Limits): DecodedRequest {
  assert(kind.decode !== undefined, `${kind.type} is decoded by the connection`);
  return kind.decode(message as never, limits);
}

/** What a request may say beside its operation. */
export type RequestOptions = Pick<
  RequestMessage,
  'consistency' | 'minZxid' | 'acks' | 'idempotency'
>;

/** True when the message says any of it, which few do. */
export function hasOptions({ access }: RequestKind, message: Fields): boolean {
  if (access === 'read') {
    return message['consistency'] !== undefined || message['minZxid'] !== undefined;
  }
  if (access === 'stream') return false;
  return message['acks'] !== undefined || message['idempotencyKey'] !== undefined;
}

/** Who asks, as far as it makes the request the same request. */
export interface OptionsContext {
  readonly limits: Limits;
  readonly session: SessionId;
  readonly identities: readonly Identity[];
}

/** @throws CoordinationError BADARGUMENTS for a key that is too long */
export function requestOptions(message: Fields, context: OptionsContext): RequestOptions {
  const { consistency, minZxid, acks, idempotencyKey } = message as RequestOptions & {
    readonly idempotencyKey?: string;
  };
  return {
    ...(consistency !== undefined && { consistency }),
    ...(minZxid !== undefined && { minZxid }),
    ...(acks !== undefined && { acks }),
    ...(idempotencyKey !== undefined && {
      idempotency: {
        key: checkKey(idempotencyKey, context.limits),
        fingerprint: fingerprintOf({ message, ...context }),
      },
    }),
  };
}

function checkKey(key: string, limits: Limits): string {
  if (loneSurrogate.test(key)) {
    throw new CoordinationError('BADARGUMENTS', 'idempotencyKey: holds half of a surrogate pair');
  }
  if (key.length <= limits.idempotencyKeyLengthMax) return key;
  const allowed = limitText(limits, 'idempotencyKeyLengthMax');
  const detail = `idempotencyKey: ${key.length} characters exceed ${allowed}`;
  throw new CoordinationError('BADARGUMENTS', detail);
}
