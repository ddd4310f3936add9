/**
 * A coordinator whose answers the test scripts: it records what the door submits, answers by default what
 * every conversation needs, and sends whatever the test pushes.
 */
import type {
  Coordinator,
  CoordinatorAnswer,
  CoordinatorMessage,
  CoordinatorStatus,
  RequestMessage,
  StreamId,
} from '../../src/gateway/coordinator.ts';
import type { ErrorBody } from '../../src/protocol/errors.ts';
import type { Stat, ZnodePath } from '../../src/protocol/model.ts';
import type { IdentifyOperation, OperationType, Result } from '../../src/protocol/operations.ts';

export const someStat: Stat = {
  czxid: 117,
  mzxid: 120,
  pzxid: 117,
  ctime: 1_700_000_000_000,
  mtime: 1_700_000_000_001,
  version: 3,
  cversion: 1,
  aversion: 0,
  ephemeralOwner: 0,
  dataLength: 2,
  numChildren: 0,
  kind: 'persistent',
};

/** What a request is answered with: a result, an error, or `undefined` for no answer yet. */
export type Script = (
  request: RequestMessage,
) => { readonly result: Result } | { readonly error: ErrorBody; readonly ends?: true } | undefined;

const empty: Script = () => ({ result: {} });

export class FakeStreamCoordinator implements Coordinator {
  /** All that was submitted, batch by batch. */
  readonly batches: (readonly CoordinatorMessage[])[] = [];
  /** By type of operation; what has no script is answered with an empty result. */
  readonly scripts = new Map<OperationType, Script>();
  zxid = 120;
  sessionId = 42;
  readOnly = false;
  #listener: (answers: readonly CoordinatorAnswer[]) => void = () => undefined;
  #wake: (() => void)[] = [];

  constructor() {
    this.scripts.set('attach', (request) => {
      const { operation } = request;
      if (operation.type !== 'attach') throw new Error('not an attach');
      const { session, timeoutMs = 10_000 } = operation;
      if (session === 'none') return { result: { resumed: false } };
      if (session === 'new') {
        const created = { id: this.sessionId, timeoutMs, secret: 'secret' };
        return { result: { session: created, resumed: false } };
      }
      return { result: { session: { id: session.id, timeoutMs }, resumed: true } };
    });
    this.scripts.set('get', ({ operation }) => {
      const path = (operation as { path: ZnodePath }).path;
      return { result: { path, data: Buffer.from('hi'), stat: someStat } };
    });
    this.scripts.set('identify', ({ operation }) => ({
      result: { identities: (operation as IdentifyOperation).identities },
    }));
    const statAlone: Script = ({ operation }) => ({
      result: { path: (operation as { path: ZnodePath }).path, stat: someStat },
    });
    for (const type of ['exists', 'set', 'setAcl'] as const) this.scripts.set(type, statAlone);
    const written: Script = ({ operation }) => ({
      result: { path: (operation as { path: ZnodePath }).path, created: true, stat: someStat },
    });
    for (const type of ['create', 'put'] as const) this.scripts.set(type, written);
  }

  /** All messages so far, in order. */
  get messages(): readonly CoordinatorMessage[] {
    return this.batches.flat();
  }

  /** All requests of a type of operation. */
  requests(type?: OperationType): readonly RequestMessage[] {
    return this.messages.filter(
      (message): message is RequestMessage =>
        message.type === 'request' && (type === undefined || message.operation.type === type),
    );
  }

  /** Resolves once something has been submitted that `condition` holds for. */
  async until(condition: (messages: readonly CoordinatorMessage[]) => boolean): Promise<void> {
    while (!condition(this.messages)) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** The stream that was opened last. */
  get stream(): StreamId {
    const opened = this.messages.filter((message) => message.type === 'open').at(-1);
    if (opened === undefined) throw new Error('no stream has been opened');
    return opened.stream;
  }

  /** Sends answers as one batch. */
  push(...answers: CoordinatorAnswer[]): void {
    this.#listener(answers);
  }

  submit(messages: readonly CoordinatorMessage[]): void {
    this.batches.push(messages);
    const answers = messages
      .filter((message) => message.type === 'request')
      .map((request) => this.answerTo(request))
      .filter((answer) => answer !== undefined);
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
    if (answers.length > 0) this.#listener(answers);
  }

  /** What the scripts say to a request. */
  answerTo(request: RequestMessage): CoordinatorAnswer | undefined {
    const { stream, id, operation } = request;
    const answer = (this.scripts.get(operation.type) ?? empty)(request);
    if (answer === undefined) return undefined;
    const { zxid } = this;
    if ('result' in answer) return { type: 'result', stream, id, zxid, result: answer.result };
    return { type: 'error', stream, id, zxid, ...answer };
  }

  listen(listener: (answers: readonly CoordinatorAnswer[]) => void): void {
    this.#listener = listener;
  }

  status(): CoordinatorStatus {
    return {
      server: 2,
      clusterId: 'test',
      configZxid: 0,
      epoch: 1,
      leader: 2,
      readOnly: this.readOnly,
      members: [],
      warnings: [],
      appliedZxid: this.zxid,
      sessionTimeoutMinMs: 100,
      sessionTimeoutMaxMs: 600_000,
      sessionTimeoutDefaultMs: 10_000,
      voters: 1,
    };
  }

  takeSnapshot(): Promise<never> {
    return Promise.reject(new Error('the fake has no snapshots'));
  }

  readSnapshot(): undefined {
    return undefined;
  }
}
