/**
 * The front doors, and how a guarantee is tested through all of them: the same tests, over real sockets,
 * before a real node or a member of an ensemble. The tests of a file share nodes, each test keeps to a place
 * of its own in the tree.
 */
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { Gate, GatedDisk } from '../support/gated-disk.ts';
import type { InProcessNode, InProcessOptions } from '../support/in-process.ts';
import type { Client, ClientOptions } from './client.ts';
import { sendHttp } from './http.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { RestClient } from './rest-client.ts';
import { startTarget } from './target.ts';
import { WebSocketClient } from './websocket-client.ts';

/** A node that the tests of a file share. */
export interface Place {
  readonly node: InProcessNode;
  readonly url: string;
  /** A fresh znode that is nobody else's, by its path. */
  fresh(): Promise<string>;
  http(request: HttpRequest): Promise<HttpAnswer>;
  /** Lets nothing become durable before `release`, or the end of the test. */
  hold(): void;
  release(): void;
}

/** One way to be a client, before one node. */
export interface Door<C extends Client = Client> extends Place {
  readonly name: string;
  /** A client that goes away after the test. */
  client(options?: ClientOptions): Promise<C>;
}

/** The credential of the identity that passes every ACL. */
export const superCredential = 'super:secret';

/** What the nodes of this suite are set to where a test says nothing else. */
const usual = {
  settings: {
    tickMs: 50,
    minSessionTimeout: 100,
    containerCheckMs: 50,
    // The hash of `superCredential`.
    superDigest: 'super:lK75jTNcA+U9vtVEw5vB51mj/w4=',
  },
  // A bookmark says that all events up to it have been sent: the tests wait for it.
  limits: { bookmarkIntervalMs: 500 },
} satisfies InProcessOptions;

class SharedNode implements Place {
  readonly #options: InProcessOptions;
  #starting: Promise<InProcessNode> | undefined;
  #node: InProcessNode | undefined;
  readonly #gate = new Gate();
  #places = 0;

  constructor({ settings, limits, ...options }: InProcessOptions) {
    this.#options = {
      ...options,
      wrapDisk: (disk) => new GatedDisk(disk, this.#gate),
      settings: { ...usual.settings, ...settings },
      limits: { ...usual.limits, ...limits },
    };
  }

  async start(): Promise<void> {
    this.#starting ??= startTarget(this.#options);
    this.#node = await this.#starting;
  }

  async remove(): Promise<void> {
    const node = await this.#starting;
    await node?.remove();
    // A client's fault, whatever it is, is none of the node's.
    expect(node?.complaints ?? []).toEqual([]);
  }

  get node(): InProcessNode {
    if (this.#node === undefined) throw new Error('there is a node only inside of tests');
    return this.#node;
  }

  get url(): string {
    return this.node.url;
  }

  async fresh(): Promise<string> {
    this.#places++;
    const path = `/place-${this.#places}`;
    await this.http({ method: 'PUT', target: `/znodes${path}` });
    return path;
  }

  http(request: HttpRequest): Promise<HttpAnswer> {
    return sendHttp(this.url, request);
  }

  hold(): void {
    this.#gate.hold();
  }

  release(): void {
    this.#gate.release();
  }
}

interface Sharing {
  readonly node: SharedNode;
  /** Groups of tests that have not ended. */
  groups: number;
}

/** The nodes of a file by their options; the module may outlive the file. */
const nodes = new Map<string, Sharing>();

/** For a group of tests: it goes with the last group of the file that has the same options. */
function sharedNode(options: InProcessOptions): SharedNode {
  const key = JSON.stringify(options);
  const sharing = nodes.get(key) ?? { node: new SharedNode(options), groups: 0 };
  const { node } = sharing;
  nodes.set(key, sharing);
  sharing.groups += 1;
  beforeAll(() => node.start());
  afterAll(async () => {
    sharing.groups -= 1;
    if (sharing.groups > 0) return;
    nodes.delete(key);
    await node.remove();
  });
  return node;
}

function makeDoor<C extends Client>(
  name: string,
  open: (url: string, options?: ClientOptions) => Promise<C>,
  place: Place,
): Door<C> {
  const clients: C[] = [];
  afterEach(() => {
    place.release();
    for (const client of clients.splice(0)) client.leave();
  });
  return {
    name,
    get node() {
      return place.node;
    },
    get url() {
      return place.url;
    },
    fresh: () => place.fresh(),
    http: (request) => place.http(request),
    hold: () => place.hold(),
    release: () => place.release(),
    client: async (options) => {
      const client = await open(place.url, options);
      clients.push(client);
      return client;
    },
  };
}

/** Tests that only a client without a connection of its own can make. */
export function describeOverRest(
  name: string,
  body: (door: Door<RestClient>) => void,
  options: InProcessOptions = {},
): void {
  describe(`${name}, over REST`, () => {
    const place = sharedNode(options);
    body(makeDoor('REST', (url, who) => RestClient.open(url, who), place));
  });
}

/** Tests that only an ordered stream can make. */
export function describeOverWebSocket(
  name: string,
  body: (door: Door<WebSocketClient>) => void,
  options: InProcessOptions = {},
): void {
  describe(`${name}, over WebSocket`, () => {
    const place = sharedNode(options);
    body(makeDoor('WebSocket', (url, who) => WebSocketClient.open(url, who), place));
  });
}

/** A guarantee: the same tests through each front door. */
export function describeThroughEveryDoor(
  name: string,
  body: (door: Door) => void,
  options: InProcessOptions = {},
): void {
  describeOverRest(name, body, options);
  describeOverWebSocket(name, body, options);
}
