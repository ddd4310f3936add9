/** Holds every message of the server against the schemas that the documents are made from. */
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { expect } from 'vitest';
import { errorTable } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { requestTypes, resultSchema } from '../../src/protocol/websocket/client.ts';
import { closeCodes, serverMessages } from '../../src/protocol/websocket/server.ts';
import { connect } from '../support/websocket-client.ts';
import type { Message, TestClient } from '../support/websocket-client.ts';
import { conversation } from './websocket-programs.ts';
import type { Frame } from './websocket-programs.ts';

const ajv = new Ajv({ strict: false });
const lastId = 1_000_000;
const answerTimeoutMs = 10_000;

/** Schemas name their parts, and a validator takes each name once. */
function compiled(schema: object): ValidateFunction {
  const text = JSON.stringify(schema, (name, value: unknown) =>
    name === '$id' ? undefined : value,
  );
  return ajv.compile(JSON.parse(text) as object);
}

const declared = new Map<string, ValidateFunction>(
  Object.entries(serverMessages).map(([type, schema]) => [type, compiled(schema)]),
);
const results = new Map<string, ValidateFunction>();
for (const type of requestTypes) {
  if (type !== 'connect') results.set(type, compiled(resultSchema(type)));
}

interface Request {
  readonly id: number;
  readonly type: unknown;
}

/** The requests of a frame that have an id to be answered by. */
function requestsOf(frame: Frame): readonly Request[] {
  let value: unknown;
  try {
    value = JSON.parse(typeof frame === 'string' ? frame : Buffer.from(frame).toString());
  } catch {
    return [];
  }
  const messages = Array.isArray(value) ? (value as unknown[]) : [value];
  return messages.filter(
    (one): one is Request =>
      typeof one === 'object' && one !== null && Number.isSafeInteger((one as Request).id),
  );
}

function checkMessage(message: Message, requests: ReadonlyMap<number, unknown>): void {
  const about = JSON.stringify(message).slice(0, 500);
  const type = requests.get(message['id'] as number);
  const validate =
    message.type === 'result' ? results.get(String(type)) : declared.get(message.type);
  expect(validate, `an undeclared message: ${about}`).toBeDefined();
  expect(validate?.(message), `${about}: ${ajv.errorsText(validate?.errors)}`).toBe(true);
  if (message.type !== 'error') return;
  const { code, status, zkCode } = message['problem'] as Record<string, unknown>;
  expect(code, about).not.toBe('SYSTEMERROR');
  expect(zkCode, about).toBe(errorTable[code as ErrorCode].zkCode);
  expect(status, about).toBeGreaterThanOrEqual(400);
}

/** One answer for each request, in their order; behind the last one nothing but the end. */
function checkAnswers(client: TestClient, requests: readonly Request[], isOpen: boolean): void {
  const byId = new Map(requests.map(({ id, type }) => [id, type]));
  const answers: number[] = [];
  for (const message of client.received) {
    checkMessage(message, byId);
    if (typeof message['id'] === 'number') answers.push(message['id']);
  }
  const expected = requests.map(({ id }) => id);
  expect(answers).toEqual(isOpen ? expected : expected.slice(0, answers.length));
}

/** Holds the conversation. @returns what it has come to, for statistics */
async function converse(url: string, frames: readonly Frame[]): Promise<readonly string[]> {
  const client = await connect(url, { connect: false });
  const requests: Request[] = [];
  for (const frame of frames) {
    requests.push(...requestsOf(frame));
    client.send(typeof frame === 'string' ? frame : Buffer.from(frame));
  }
  requests.push({ id: lastId, type: 'ping' });
  const last = client.ask({ type: 'ping', id: lastId });
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(resolve, answerTimeoutMs, 'timeout');
  });
  const end = await Promise.race([last, client.closed, timeout]);
  clearTimeout(timer);
  expect(end, 'neither an answer nor an end').not.toBe('timeout');
  const isOpen = typeof end === 'object' && 'type' in end && end.type === 'result';
  if (!isOpen) await client.closed;
  checkAnswers(client, requests, isOpen);
  const { code } = await client.close();
  if (!isOpen) expect(Object.values(closeCodes)).toContain(code);
  return client.received.map(({ type, problem }) => {
    return problem === undefined ? type : (problem as { code: string }).code;
  });
}

/** @param url of the WebSocket */
export async function checkConversations(
  url: string,
  options: { readonly numRuns: number; readonly seed?: number },
): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  const property = fc.asyncProperty(conversation, async (frames) => {
    for (const what of await converse(url, frames)) seen.set(what, (seen.get(what) ?? 0) + 1);
  });
  await fc.assert(property, { ...options, endOnFailure: true });
  return seen;
}
