/** Every limit of a node, with its name, unit and default. One file, so that they can be compared. */
import { assert } from './assert.ts';

export interface Limits {
  /** Data bytes of one znode. */
  readonly znodeDataBytesMax: number;
  /** Length of a path in UTF-16 code units. */
  readonly pathLengthMax: number;
  /** Entries of one ACL. */
  readonly aclEntriesMax: number;
  /** Distinct ACLs of the znodes; one that no znode has any more is not counted. */
  readonly aclsMax: number;
  /** HTTP bodies that are being received, of all requests together. */
  readonly uploadsMax: number;
  /** Such bodies of one client. */
  readonly uploadsPerClientMax: number;
  /** Their bytes. One that has come with the first read of its socket is not counted. */
  readonly uploadBytesMax: number;
  /** Such bytes of one client. */
  readonly uploadBytesPerClientMax: number;
  /** The part of `uploadBytesMax` that is kept for small bodies. */
  readonly uploadReserveBytes: number;
  /** A body of so many bytes, declared, is a small one. */
  readonly uploadSmallBytesMax: number;
  /** A body of which nothing has come for so long is given up, milliseconds. */
  readonly uploadStallMs: number;
  /** A body that has come slower than this since it began, and for longer than `uploadStallMs`, is given up. */
  readonly uploadBytesPerSecondMin: number;
  /** Arrays and objects within one another in JSON that a client sends. */
  readonly jsonDepthMax: number;
  /** Operations of one multi or multi-read. */
  readonly multiOperationsMax: number;
  /** Data and path bytes of one transaction. */
  readonly transactionBytesMax: number;
  /** Paths that one transaction may touch (the end of a session is exempt). */
  readonly transactionPathsMax: number;
  /** Ephemeral znodes of one session, which all end in one transaction. */
  readonly sessionEphemeralsMax: number;
  /** Children that one unpaged listing may return. */
  readonly childrenUnpagedMax: number;
  /** Entries of one page of children or of a subtree. */
  readonly pageEntriesMax: number;
  /** Entries of a subtree page when no limit is asked. */
  readonly subtreePageDefault: number;
  /** Bytes of one JSON answer of data (listing with data, multi-read). */
  readonly answerBytesMax: number;
  /** Znodes of the whole tree. */
  readonly treeNodesMax: number;
  /** Names, data and fixed costs of the whole tree, bytes. */
  readonly treeBytesMax: number;
  /** Live sessions of the ensemble. */
  readonly sessionsMax: number;
  /** Connections of clients to one node; fewer where the process may not open as many files. */
  readonly connectionsMax: number;
  /**
   * Connections of one client; not counted where `--trust-proxy` makes one address of all. Where the files of the
   * process make connections fewer, at most three quarters of those.
   */
  readonly connectionsPerClientMax: number;
  /** Files that the process may open and that no connection of a client takes: the disk, the other members. */
  readonly filesReserved: number;
  /** Watches of one stream. */
  readonly watchesPerStreamMax: number;
  /** Watches of one client, of all its streams. */
  readonly watchesPerClientMax: number;
  /** Watches of one node. */
  readonly watchesMax: number;
  /** Identities of one connection. */
  readonly identitiesMax: number;
  /** Streams (WebSocket, SSE, long polls) of one node. */
  readonly streamsMax: number;
  /** Streams of one client. */
  readonly streamsPerClientMax: number;
  /** Proposed and not yet committed transactions. */
  readonly outstandingTransactionsMax: number;
  /** Their bytes. */
  readonly outstandingBytesMax: number;
  /**
   * Requests that one node has forwarded to its leader and that are not decided: writes, attachments and
   * questions how long a session lives. A barrier, of which a turn has one for all, is not counted.
   */
  readonly forwardedRequestsMax: number;
  /** Their bytes. */
  readonly forwardedBytesMax: number;
  /** Requests without a stream that wait on one node until there is a leader again. */
  readonly leaderWaitsMax: number;
  /** For how long requests wait for the next leader before they are refused, milliseconds. */
  readonly leaderGraceMs: number;
  /**
   * When a node has no leader, over how long it spreads the answers of long polls and the ends of event streams,
   * so that their clients do not all come to the next node at once, milliseconds.
   */
  readonly suspensionSpreadMs: number;
  /** Requests of one node that wait for a zxid. */
  readonly zxidWaitsMax: number;
  /** Requests of one stream that wait for their turn. */
  readonly streamRequestsMax: number;
  /**
   * Bytes of frames of the WebSockets of one client whose requests are not all answered, 256 for each message
   * at least, so that their number is bounded too; beyond it each of them
   * takes one request at a time, and is read no further meanwhile. All together are bounded so by
   * `outstandingBytesMax`.
   */
  readonly frameBytesPerClientMax: number;
  /** Messages in one WebSocket frame. */
  readonly frameMessagesMax: number;
  /** Bytes of one WebSocket frame. */
  readonly frameBytesMax: number;
  /**
   * Bytes of requests that stand behind another one of their HTTP connection, which is executed; beyond it
   * the connection is not read meanwhile.
   */
  readonly connectionWaitingBytesMax: number;
  /** Such bytes of all connections; whose bytes go beyond it is closed when it has its answer. */
  readonly waitingBytesMax: number;
  /** Bytes of HTTP answers that clients have not taken, all together; beyond it the slowest are cut off. */
  readonly unreadAnswersBytesMax: number;
  /** Such bytes of one client; beyond it its own slowest are cut off. Not counted behind `--trust-proxy`. */
  readonly unreadAnswersBytesPerClientMax: number;
  /** A client that has taken nothing of an HTTP answer for so long is cut off, milliseconds. */
  readonly answerStallMs: number;
  /** For how long a connection may be idle between two HTTP requests, milliseconds. */
  readonly keepAliveMs: number;
  /**
   * For how long a long poll goes on whose client has closed its sending side, and the pace at which an event
   * stream looks whether such a client is still there, milliseconds.
   */
  readonly halfClosedWaitMs: number;
  /** For how long a stop tells kept HTTP connections, with their next request, milliseconds. */
  readonly closingNoticeMs: number;
  /** Unread answers of one WebSocket connection, bytes, before it is closed with 4429. */
  readonly unreadAnswerBytesMax: number;
  /**
   * Bytes that the readers of WebSockets and event streams have not taken, all together; beyond it a stream is
   * written to only as far as its reader takes it, and WebSockets with more than `socketHighWaterBytes` unread,
   * which answers alone can come to, are cut off, the slowest first.
   */
  readonly unreadStreamsBytesMax: number;
  /** Such bytes of one client; beyond it the same happens to its own streams. */
  readonly unreadStreamsBytesPerClientMax: number;
  /** Unsent bytes of a connection above which its events wait in the ring. */
  readonly socketHighWaterBytes: number;
  /** Transactions that the event ring keeps. */
  readonly ringTransactionsMax: number;
  /** Bytes of records that the event ring keeps. */
  readonly ringBytesMax: number;
  /** Remembered idempotency keys of all owners. */
  readonly idempotencyKeysMax: number;
  /**
   * Those of one owner: of one session where the request has one, else of one identity, else of one client
   * address. Beyond it an owner loses its own oldest.
   */
  readonly idempotencyKeysPerOwnerMax: number;
  /** Bytes of their remembered answers. */
  readonly idempotencyBytesMax: number;
  /** Length of an idempotency key, characters. */
  readonly idempotencyKeyLengthMax: number;
  /** Wait for a write's commit, a barrier or a minimum zxid, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Longest long poll, milliseconds. */
  readonly longPollMaxMs: number;
  /** Time for the first message of a WebSocket, milliseconds. */
  readonly connectTimeoutMs: number;
  /** Pace of bookmarks on an event stream, milliseconds. */
  readonly bookmarkIntervalMs: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const defaultLimits: Limits = {
  znodeDataBytesMax: MIB,
  pathLengthMax: 4096,
  aclEntriesMax: 256,
  aclsMax: 65_536,
  uploadsMax: 16_384,
  uploadsPerClientMax: 8192,
  uploadBytesMax: 256 * MIB,
  uploadBytesPerClientMax: 128 * MIB,
  uploadReserveBytes: 16 * MIB,
  uploadSmallBytesMax: 64 * KIB,
  uploadStallMs: 10_000,
  uploadBytesPerSecondMin: KIB,
  jsonDepthMax: 64,
  multiOperationsMax: 1000,
  transactionBytesMax: 8 * MIB,
  transactionPathsMax: 10_000,
  sessionEphemeralsMax: 10_000,
  childrenUnpagedMax: 10_000,
  pageEntriesMax: 10_000,
  subtreePageDefault: 1000,
  answerBytesMax: 16 * MIB,
  treeNodesMax: 16_000_000,
  treeBytesMax: 2048 * MIB,
  sessionsMax: 1_000_000,
  connectionsMax: 65_536,
  connectionsPerClientMax: 32_768,
  filesReserved: 96,
  watchesPerStreamMax: 1_000_000,
  watchesPerClientMax: 2_000_000,
  watchesMax: 4_000_000,
  identitiesMax: 64,
  streamsMax: 65_536,
  streamsPerClientMax: 32_768,
  outstandingTransactionsMax: 65_536,
  outstandingBytesMax: 64 * MIB,
  forwardedRequestsMax: 16_384,
  forwardedBytesMax: 32 * MIB,
  leaderWaitsMax: 10_000,
  leaderGraceMs: 300,
  suspensionSpreadMs: 1000,
  zxidWaitsMax: 65_536,
  streamRequestsMax: 10_000,
  frameBytesPerClientMax: 32 * MIB,
  frameMessagesMax: 1000,
  frameBytesMax: 2 * MIB,
  connectionWaitingBytesMax: 64 * KIB,
  waitingBytesMax: 64 * MIB,
  unreadAnswersBytesMax: 256 * MIB,
  unreadAnswersBytesPerClientMax: 128 * MIB,
  answerStallMs: 30_000,
  // Load balancers give an idle connection up after 60 s: theirs must be the shorter time.
  keepAliveMs: 75_000,
  halfClosedWaitMs: 500,
  closingNoticeMs: 1000,
  unreadAnswerBytesMax: MIB,
  unreadStreamsBytesMax: 256 * MIB,
  unreadStreamsBytesPerClientMax: 128 * MIB,
  socketHighWaterBytes: 256 * KIB,
  ringTransactionsMax: 100_000,
  ringBytesMax: 64 * MIB,
  idempotencyKeysMax: 100_000,
  idempotencyKeysPerOwnerMax: 50_000,
  idempotencyBytesMax: 128 * MIB,
  idempotencyKeyLengthMax: 255,
  requestTimeoutMs: 5000,
  longPollMaxMs: 300_000,
  connectTimeoutMs: 5000,
  bookmarkIntervalMs: 15_000,
};

/** A limit whose default follows from another one. */
export interface DerivedLimit {
  readonly from: keyof Limits;
  /** In words. */
  readonly text: string;
  readonly value: (limits: Limits) => number;
}

/**
 * One client may have half of what the node has: whatever it does, as much is left for all others. Where all
 * clients come from one address, it may be set to the limit of the node.
 */
function halfOf(from: keyof Limits, atLeast?: keyof Limits): DerivedLimit {
  const value = (limits: Limits): number => {
    const half = Math.ceil(limits[from] / 2);
    return atLeast === undefined ? half : Math.max(half, limits[atLeast]);
  };
  const text = `half of ${from}${atLeast === undefined ? '' : `, at least ${atLeast}`}`;
  return { from, text, value };
}

export const derivedLimits: Readonly<Partial<Record<keyof Limits, DerivedLimit>>> = {
  connectionsPerClientMax: {
    ...halfOf('connectionsMax'),
    text: 'half of connectionsMax; where files are few, 3/4 of these',
  },
  streamsPerClientMax: halfOf('streamsMax'),
  watchesPerClientMax: halfOf('watchesMax'),
  uploadsPerClientMax: halfOf('uploadsMax'),
  uploadBytesPerClientMax: halfOf('uploadBytesMax', 'transactionBytesMax'),
  frameBytesPerClientMax: halfOf('outstandingBytesMax'),
  unreadAnswersBytesPerClientMax: halfOf('unreadAnswersBytesMax', 'answerBytesMax'),
  unreadStreamsBytesPerClientMax: halfOf('unreadStreamsBytesMax'),
  uploadReserveBytes: {
    from: 'uploadBytesMax',
    text: 'a sixteenth of uploadBytesMax',
    value: ({ uploadBytesMax, transactionBytesMax }) =>
      Math.max(0, Math.min(Math.floor(uploadBytesMax / 16), uploadBytesMax - transactionBytesMax)),
  },
};

/** The greatest number a sequential name may carry; beyond it a create is refused, never wrapped. */
export const sequenceMax = 2_147_483_647;

/** The longest TTL, milliseconds (`EphemeralType.TTL`: 40 bits). */
export const ttlMaxMs = 1_099_511_627_775;

/** @throws InvariantError where two limits contradict one another. */
export function checkLimits(limits: Limits): void {
  assert(
    limits.znodeDataBytesMax <= limits.transactionBytesMax,
    'limits: one znode must fit into one transaction',
  );
  assert(
    limits.transactionBytesMax <= limits.outstandingBytesMax,
    'limits: one transaction must fit into the outstanding bytes',
  );
  assert(
    limits.transactionBytesMax <= limits.uploadBytesMax,
    'limits: one transaction must fit into the bytes of uploads',
  );
  assert(
    limits.transactionBytesMax <= limits.uploadBytesPerClientMax,
    'limits: one transaction must fit into the bytes of uploads of one client',
  );
  assert(
    limits.transactionBytesMax <= limits.uploadBytesMax - limits.uploadReserveBytes,
    'limits: one transaction must fit into the bytes of uploads beside those kept for small ones',
  );
  assert(
    limits.znodeDataBytesMax <= limits.frameBytesMax,
    'limits: one znode must fit into one WebSocket frame',
  );
  assert(
    limits.answerBytesMax <= limits.unreadAnswersBytesMax,
    'limits: one answer must fit into the bytes of unread answers',
  );
  assert(
    limits.answerBytesMax <= limits.unreadAnswersBytesPerClientMax,
    'limits: one answer must fit into the bytes of unread answers of one client',
  );
  assert(
    limits.transactionBytesMax <= limits.forwardedBytesMax,
    'limits: one transaction must fit into the bytes of forwarded requests',
  );
  // A character of a path takes up to three bytes in the record that ends its session.
  assert(
    limits.sessionEphemeralsMax * (limits.pathLengthMax * 3 + 64) <= 160 * MIB,
    'limits: the end of a session with all its ephemerals must fit into one record',
  );
  assert(
    limits.childrenUnpagedMax <= limits.pageEntriesMax,
    'limits: an unpaged listing must not exceed a page',
  );
}
