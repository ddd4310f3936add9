/**
 * One REST request: reads path, query and headers on demand, in the order of checks that the doors
 * promise (form, then session, then identity), and turns them into messages for the coordinator.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CoordinationError } from '../../protocol/errors.ts';
import type { Acl, Identity, ZnodePath, Zxid } from '../../protocol/model.ts';
import type { ReadOperation, StreamOperation, WriteOperation } from '../../protocol/operations.ts';
import { parseQuery } from '../../protocol/rest/query.ts';
import type { QuerySpec, QueryValues, RawQuery } from '../../protocol/rest/query.ts';
import type { Caller, Consistency, ResultAnswer, SessionCredential } from '../coordinator.ts';
import type { StandaloneRequest } from '../router.ts';
import { parseAclText } from '../common/acl.ts';
import { clientOf } from '../common/clients.ts';
import type { Client } from '../common/clients.ts';
import { identitiesOf } from '../common/identities.ts';
import { znodePath } from '../common/operations.ts';
import { parseEntityTags } from '../common/preconditions.ts';
import type { EntityTags } from '../common/preconditions.ts';
import { parseToken } from '../common/tokens.ts';
import { connectionOf } from '../connections/index.ts';
import type { HttpContext } from './context.ts';

/** What the framework knows of the request. */
export interface RequestParts {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  /** Of the peer, or what a trusted proxy says of it. */
  readonly address: string;
  /** Decoded; `*` is the znode path without its leading slash. */
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: RawQuery;
}

/** Values of the common query parameters of reads and writes, where a route has them. */
interface CommonQuery {
  readonly consistency?: Consistency;
  readonly wait?: number;
  readonly acks?: number | 'all';
}

/** A request that is being made up. */
type Draft = { -readonly [Field in keyof StandaloneRequest]: StandaloneRequest[Field] };

export class RestRequest<Q extends QuerySpec = QuerySpec> {
  readonly context: HttpContext;
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: QueryValues<Q>;
  readonly params: RequestParts['params'];
  /** The precondition in force: it makes a failure a 412. */
  condition: 'If-Match' | 'If-None-Match' | undefined;
  /** True where `wait` is the time of a long poll. */
  polls = false;
  readonly #address: string;
  #session: SessionCredential | undefined;

  /** @throws CoordinationError BADARGUMENTS for a query that the route does not take */
  constructor(context: HttpContext, spec: Q, parts: RequestParts) {
    this.context = context;
    this.raw = parts.raw;
    this.response = parts.response;
    this.params = parts.params;
    this.#address = parts.address;
    this.query = parseQuery(spec, parts.query);
  }

  /**
   * A header's text; repeated ones are joined by Node, except those that may not be.
   * @throws CoordinationError BADARGUMENTS where it is no UTF-8
   */
  header(name: string): string | undefined {
    const value = this.raw.headers[name];
    if (value === undefined) return undefined;
    return decodedHeader(name, Array.isArray(value) ? value.join(', ') : value);
  }

  /** The text of the path in the URL, with its leading slash. */
  get pathText(): string {
    return `/${this.params['*'] ?? ''}`;
  }

  /** @throws CoordinationError BADARGUMENTS */
  path(): ZnodePath {
    const { route } = this;
    return znodePath(this.pathText, this.context.settings.limits, { route });
  }

  /** The part of the URL before the znode path, `/znodes` for example. */
  get route(): string {
    const { url = '' } = this.raw;
    const [, name = ''] = url.replace(originPattern, '').split(/[/?]/, 2);
    return `/${name}`;
  }

  /** A number in the URL. @throws CoordinationError BADARGUMENTS */
  number(name: string): number {
    const text = this.params[name] ?? '';
    if (/^(?:0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text))) {
      return Number(text);
    }
    const detail = `${name} ${JSON.stringify(text.slice(0, 40))} must be a whole number`;
    throw new CoordinationError('BADARGUMENTS', detail);
  }

  /** @throws CoordinationError BADARGUMENTS */
  tags(header: 'if-match' | 'if-none-match'): EntityTags | undefined {
    const text = this.header(header);
    if (text === undefined) return undefined;
    return parseEntityTags(text, header === 'if-match' ? 'If-Match' : 'If-None-Match');
  }

  /** The ACL of the `Zk-Acl` header. @throws CoordinationError INVALIDACL */
  aclHeader(): Acl | undefined {
    const text = this.header('zk-acl');
    if (text === undefined) return undefined;
    return parseAclText(text, this.context.settings.limits);
  }

  /** @throws CoordinationError BADARGUMENTS */
  get askedMinZxid(): Zxid | undefined {
    const text = this.raw.headers['zk-min-zxid'];
    if (text === undefined) return undefined;
    const zxid = Number(text);
    if (typeof text === 'string' && /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(zxid)) {
      return zxid;
    }
    throw new CoordinationError('BADARGUMENTS', 'Zk-Min-Zxid: must be an integer from 0 to 2^53-1');
  }

  /** Whether the request carries a session at all, readable or not. */
  get hasSession(): boolean {
    return this.raw.headers['zk-session'] !== undefined;
  }

  /** @throws CoordinationError AUTHFAILED */
  session(): SessionCredential | undefined {
    const text = this.raw.headers['zk-session'];
    if (text === undefined) return undefined;
    this.#session ??= parseToken(String(text));
    return this.#session;
  }

  /** @throws CoordinationError AUTHFAILED */
  identities(): readonly Identity[] {
    const { authorization } = this.raw.headers;
    const { superIdentity } = this.context.settings;
    return identitiesOf({ address: this.#address, authorization, superIdentity });
  }

  /** Whose shares its body takes: an identity is judged only behind the body, so that it is the address. */
  get clients(): readonly Client[] {
    return [clientOf(this.#address)];
  }

  /** Who asks. @throws CoordinationError AUTHFAILED */
  caller(): Caller {
    const session = this.session();
    const identities = this.identities();
    return session === undefined ? { identities } : { identities, session };
  }

  /**
   * How the session is judged of a request that reads nothing by itself: as of now, since it may have ended on
   * another node. Only a node that serves reads without a leader takes its own word for it.
   */
  get sessionConsistency(): Consistency {
    return this.hasSession && !this.context.router.status().readOnly ? 'linearizable' : 'local';
  }

  /** Who asks, by nothing but its address and session: to judge a session before an identity. */
  addressCaller(): Caller {
    const session = this.session();
    const identities = identitiesOf({ address: this.#address });
    return session === undefined ? { identities } : { identities, session };
  }

  /** Sends a read. @throws RequestRefused (by rejection) */
  read(
    operation: ReadOperation | StreamOperation,
    consistency?: Consistency,
  ): Promise<ResultAnswer> {
    const query = this.query as CommonQuery;
    const request = this.#positioned(operation);
    request.consistency =
      consistency ?? query.consistency ?? this.context.settings.restConsistencyDefault;
    return this.#send(request);
  }

  /** Sends a write. @throws RequestRefused (by rejection); CoordinationError BADARGUMENTS for `acks` */
  write(
    operation: WriteOperation,
    idempotency?: StandaloneRequest['idempotency'],
  ): Promise<ResultAnswer> {
    const { acks } = this.query as CommonQuery;
    if (acks !== undefined) this.#checkAcks(acks);
    const request = this.#positioned(operation);
    if (acks !== undefined) request.acks = acks;
    if (idempotency !== undefined) request.idempotency = idempotency;
    return this.#send(request);
  }

  /**
   * Where the state must have come to. That a token implies its id, which its holder has seen, is the
   * coordinator's affair: only who knows the log can tell an id to wait for from one that never existed.
   * @param implied by another parameter of the request
   * @throws CoordinationError BADARGUMENTS for a `wait` that bounds nothing
   */
  minZxid(implied?: Zxid): Zxid | undefined {
    const header = this.askedMinZxid;
    const asked = implied === undefined ? header : Math.max(implied, header ?? 0);
    const { wait } = this.query as CommonQuery;
    if (wait !== undefined && asked === undefined && !this.hasSession && !this.polls) {
      const detail =
        'query parameter "wait": waits for nothing, give If-None-Match, until or Zk-Min-Zxid';
      throw new CoordinationError('BADARGUMENTS', detail);
    }
    return asked;
  }

  /** `wait`, at most what the node grants. */
  get waitMs(): number | undefined {
    const { wait } = this.query as CommonQuery;
    return wait === undefined
      ? undefined
      : Math.min(wait, this.context.settings.limits.longPollMaxMs);
  }

  #positioned(operation: StandaloneRequest['operation']): Draft {
    const minZxid = this.minZxid();
    const draft: Draft = { operation, caller: this.caller() };
    if (minZxid === undefined) return draft;
    draft.minZxid = minZxid;
    const { waitMs } = this;
    if (waitMs !== undefined) draft.minZxidWaitMs = waitMs;
    return draft;
  }

  #send(request: Draft): Promise<ResultAnswer> {
    const { context, response } = this;
    if (request.minZxid === undefined) return context.router.request(request);
    return waitFor(context, response, request);
  }

  #checkAcks(acks: number | 'all'): void {
    const { voters } = this.context.router.status();
    if (acks === 'all' || acks <= voters) return;
    const detail = `query parameter "acks": "${acks}" must be all or a number from 1 to ${voters}`;
    throw new CoordinationError('BADARGUMENTS', detail);
  }
}

/**
 * Sends a request that may wait for a zxid: its wait ends with the connection, or a moment after nothing can
 * be heard of it any more.
 * @throws RequestRefused (by rejection)
 */
export async function waitFor(
  { router, settings }: HttpContext,
  response: ServerResponse,
  request: StandaloneRequest,
): Promise<ResultAnswer> {
  const { answer, cancel } = router.cancellable(request);
  let timer: NodeJS.Timeout | undefined;
  const hasten = (): void => {
    timer = setTimeout(cancel, settings.limits.halfClosedWaitMs);
  };
  response.once('close', cancel);
  if (response.destroyed) cancel();
  const forget = connectionOf(response.socket)?.whenUnheard(hasten);
  try {
    return await answer;
  } finally {
    response.removeListener('close', cancel);
    forget?.();
    clearTimeout(timer);
  }
}

/** What an absolute target has before its path (RFC 9112, 3.2.2). */
const originPattern = /^https?:\/\/[^/?]*/i;

const beyondAscii = /[\u0080-\u00ff]/;

/** Node gives the bytes of a header as Latin-1, and what names a user in an ACL or a key is UTF-8 everywhere else. */
function decodedHeader(name: string, value: string): string {
  if (!beyondAscii.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new CoordinationError('BADARGUMENTS', `header ${name}: is not UTF-8`);
}
