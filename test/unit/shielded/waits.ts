/** Checks of requests that wait: what ends their waiting, and what they cannot wait for. */
import { deepStrictEqual, match } from 'node:assert/strict';
import type { HttpContext } from '../../../src/gateway/rest/context.ts';
import { readHandlers } from '../../../src/gateway/rest/reads.ts';
import { RestRequest } from '../../../src/gateway/rest/request.ts';
import type { RequestParts } from '../../../src/gateway/rest/request.ts';
import { Waker } from '../../../src/gateway/rest/waker.ts';
import type { StreamSink } from '../../../src/gateway/router.ts';
import type { SessionAnswer } from '../../../src/protocol/coordination.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { rootPath } from '../../../src/protocol/path.ts';
import { servedRoutes } from '../../../src/protocol/rest/routes.ts';
import type { Checks } from './checks.ts';

/** A wait whose stream hears of its session at once. @param code what the waiting ends with */
function hears(state: SessionAnswer['state'], code: string): () => Promise<void> {
  return async () => {
    const sinks: StreamSink[] = [];
    const context = {
      router: {
        openStream: (_identities: unknown, sink: StreamSink) => {
          sinks.push(sink);
          return { id: 1, send: () => undefined, close: () => undefined };
        },
      },
      shutdown: { onBegin: () => () => undefined },
    } as unknown as HttpContext;
    const deadline = performance.now() + 60_000;
    const waker = new Waker(context, { path: rootPath, identities: [], session: 7, deadline });
    let outcome = 'it waits';
    waker.next().then(
      (end) => (outcome = end),
      (error: unknown) => (outcome = (error as { code: string }).code),
    );
    for (const sink of sinks) sink.answers([{ type: 'session', stream: 1, state }]);
    await new Promise((resolve) => setImmediate(resolve));
    waker.close();
    deepStrictEqual(outcome, code);
  };
}

/** A request for children, of a node that does not answer. @returns why it is refused */
async function refusalOf(
  query: RequestParts['query'],
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const router = { request: () => new Promise(() => undefined) };
  const context = { settings: { limits: defaultLimits }, router } as unknown as HttpContext;
  const raw = { method: 'GET', url: '/children/a', headers, rawHeaders: [] };
  const parts = { raw, response: {}, address: '::1', params: { '*': 'a' }, query };
  const request = new RestRequest(
    context,
    servedRoutes.getChildren.query,
    parts as unknown as RequestParts,
  );
  const answer = async (): Promise<string> => {
    await readHandlers.getChildren(request);
    return 'it is answered';
  };
  const taken = new Promise<string>((resolve) => setImmediate(() => resolve('it is taken')));
  return Promise.race([answer().catch(String), taken]);
}

async function listingsAreCompared(): Promise<void> {
  const known = { 'if-none-match': '"1"' };
  for (const listing of [{ limit: '5' }, { after: 'x' }, { with: 'stat' }]) {
    const waiting = await refusalOf({ ...listing, wait: '1s' }, known);
    match(waiting, /"wait": a listing .* has no ETag/);
    match(await refusalOf(listing, known), /If-None-Match: a listing .* has no ETag/);
  }
}

async function waitForNothing(): Promise<void> {
  match(await refusalOf({ wait: '1s' }, {}), /"wait": waits for nothing/);
}

export const checks: Checks = {
  expiredIsWaitedOut: hears('expired', 'SESSIONEXPIRED'),
  suspendedIsWaitedOut: hears('suspended', 'CONNECTIONLOSS'),
  listingsAreCompared,
  waitForNothing,
};
