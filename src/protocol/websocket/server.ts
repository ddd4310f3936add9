/** The messages that the server sends over a WebSocket beside results, and its close codes. */
import { Type } from '@sinclair/typebox';
import {
  EventTypeSchema,
  Exactly,
  PathSchema,
  ProblemSchema,
  SessionIdSchema,
  StringEnum,
  ZxidSchema,
} from '../schemas.ts';
import { MessageIdSchema } from './client.ts';

export const ConnectedSchema = Exactly(
  {
    type: StringEnum(['connected']),
    id: MessageIdSchema,
    session: Type.Optional(
      Exactly({
        id: SessionIdSchema,
        token: Type.String({ description: '`<id>:<secret>`.', examples: ['42:secret'] }),
        timeoutMs: Type.Integer({ minimum: 1 }),
      }),
    ),
    resumed: Type.Boolean(),
    zxid: ZxidSchema,
    server: Type.Integer({ description: "The node's id." }),
    readOnly: Type.Boolean(),
    heartbeatMs: Type.Integer({ description: 'The pace of pings and bookmarks.' }),
  },
  { $id: 'Connected', description: 'The answer to `connect`.' },
);

export const ErrorSchema = Exactly(
  {
    type: StringEnum(['error']),
    id: Type.Union([MessageIdSchema, Type.Null()], {
      description: 'null where the frame had none that could be read.',
    }),
    zxid: ZxidSchema,
    problem: ProblemSchema,
  },
  { $id: 'Error', description: 'The request failed.' },
);

export const EventsSchema = Exactly(
  {
    type: StringEnum(['events']),
    zxid: ZxidSchema,
    events: Type.Array(Exactly({ type: EventTypeSchema, path: PathSchema }, { $id: 'WatchEvent' })),
  },
  { $id: 'Events', description: 'All events of one zxid for this connection.' },
);

export const BookmarkSchema = Exactly(
  { type: StringEnum(['bookmark']), zxid: ZxidSchema },
  { $id: 'Bookmark', description: 'All events up to here have been sent.' },
);

export const GoneSchema = Exactly(
  { type: StringEnum(['gone']), oldestZxid: ZxidSchema, currentZxid: ZxidSchema },
  { $id: 'Gone', description: 'Events are lost: they are no longer kept.' },
);

const sessionStates = ['suspended', 'connected', 'expired'] as const;

export type SessionState = (typeof sessionStates)[number];

export const SessionSchema = Exactly(
  {
    type: StringEnum(['session']),
    state: StringEnum(sessionStates, {
      description: [
        '`suspended`: the node has been without a leader for longer than `--peer-timeout`, and nothing that the client',
        'sends to it keeps the session alive. A client that holds a lock must act as if it had lost it. Bookmarks stop,',
        '`ping` is refused with CONNECTIONLOSS, and when the session may have ended elsewhere the connection closes with',
        '4503; until then it can go on by connecting to another node with its token. A connection without a session',
        'hears it too and stays open: events of what happens meanwhile come late, and are not lost without `gone`.',
        '`connected`: the node has a leader again, and the session and all watches go on.',
        '`expired`: the session is over; the connection closes with 4410.',
      ].join(' '),
    }),
  },
  { $id: 'Session', description: 'What has become of the session.' },
);

export const GoawaySchema = Exactly(
  {
    type: StringEnum(['goaway']),
    reason: StringEnum(['restart']),
    retryAfterMs: Type.Integer({ minimum: 0 }),
  },
  { $id: 'Goaway', description: 'The node stops; the connection closes with 1012.' },
);

/** By which name the documents know each message. */
export const serverMessages = {
  connected: ConnectedSchema,
  error: ErrorSchema,
  events: EventsSchema,
  bookmark: BookmarkSchema,
  gone: GoneSchema,
  session: SessionSchema,
  goaway: GoawaySchema,
} as const;

/** Why the server closes (RFC 6455, 7.4; 4000 and above are ours). */
export const closeCodes = {
  ended: 1000,
  tooLarge: 1009,
  restart: 1012,
  badMessage: 4400,
  notAuthenticated: 4401,
  forbidden: 4403,
  timeout: 4408,
  moved: 4409,
  expired: 4410,
  tooMuch: 4429,
  uncertain: 4503,
} as const;

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];

/** The reason that goes with a code, at most 123 bytes. */
export const closeReasons: Readonly<Record<CloseCode, string>> = {
  1000: 'session ended',
  1009: 'too large',
  1012: 'restart',
  4400: 'bad message',
  4401: 'not authenticated',
  4403: 'forbidden',
  4408: 'timeout',
  4409: 'moved to a newer connection',
  4410: 'session expired',
  4429: 'too slow or too many',
  4503: 'no quorum or uncertain outcome',
};
