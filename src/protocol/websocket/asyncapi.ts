/** The AsyncAPI 3.0 document of the WebSocket, out of the message tables. */
import type { TSchema } from '@sinclair/typebox';
import { SchemaComponents } from '../components.ts';
import { capitalised, requestSchema, requestTable, requestTypes, resultSchema } from './client.ts';
import { subprotocol } from './client.ts';
import type { RequestType } from './client.ts';
import { closeCodes, closeReasons, serverMessages } from './server.ts';

export interface AsyncApiOptions {
  /** The version of the product. */
  readonly version: string;
}

type Json = Record<string, unknown>;

const channel = { $ref: '#/channels/ws' };

/** Plain data, the same for the same options: what is committed is compared with it. */
export function asyncApiDocument({ version }: AsyncApiOptions): Json {
  const schemas = new SchemaComponents({ discriminators: false });
  const messages = allMessages(schemas);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Zoogate WebSocket',
      version,
      description: description(),
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      local: { host: '127.0.0.1:8181', protocol: 'ws', description: 'A node on this machine.' },
    },
    channels: {
      ws: {
        address: '/ws',
        description: 'One connection is one ordered stream.',
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: operations(),
    components: { messages, schemas: schemas.all },
  };
}

function description(): string {
  const codes = Object.values(closeCodes).map((code) => `- ${code}: ${closeReasons[code]}`);
  return [
    `Subprotocol \`${subprotocol}\`. A text frame holds one message or an array of up to 1,000, at most 2 MiB;`,
    'the server sends arrays only to a client that said `"batch": true` in `connect`. Requests take effect',
    'and are answered in order, and events stand in that same order.',
    '',
    'Any frame of the client, a pong too, keeps its session alive, as long as the node has a leader; the server sends',
    'a ping at the pace of `heartbeatMs`. A node that has none for longer than `--peer-timeout` says',
    '`{"type":"session","state":"suspended"}`.',
    '',
    'Close codes:',
    '',
    ...codes,
  ].join('\n');
}

function allMessages(schemas: SchemaComponents): Json {
  const messages: Json = {};
  const add = (name: string, schema: TSchema, summary?: string) => {
    messages[name] = {
      name,
      ...(summary !== undefined && { summary }),
      payload: schemas.inline(schema),
    };
  };
  for (const type of requestTypes) {
    add(`${type}Request`, requestSchema(type), requestTable[type].summary);
    if (type !== 'connect') add(`${type}Result`, resultSchema(type));
  }
  for (const [name, schema] of Object.entries(serverMessages)) {
    add(name, schema, String(schema.description));
  }
  return messages;
}

/** Seen from the server: it receives requests and replies; what it sends on its own comes last. */
function operations(): Json {
  const result: Json = {};
  for (const type of requestTypes) {
    result[type] = {
      action: 'receive',
      channel,
      summary: requestTable[type].summary,
      messages: [channelMessage(`${type}Request`)],
      reply: { channel, messages: [channelMessage(replyName(type)), channelMessage('error')] },
    };
  }
  for (const name of ['events', 'bookmark', 'gone', 'session', 'goaway'] as const) {
    result[`send${capitalised(name)}`] = {
      action: 'send',
      channel,
      summary: String(serverMessages[name].description),
      messages: [channelMessage(name)],
    };
  }
  return result;
}

function replyName(type: RequestType): string {
  return type === 'connect' ? 'connected' : `${type}Result`;
}

function channelMessage(name: string): Json {
  return { $ref: `#/channels/ws/messages/${name}` };
}
