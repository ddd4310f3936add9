/**
 * A coordinator that answers as it is told and remembers what it was asked: for tests of how a door
 * translates, and of answers that a real node gives only in trouble.
 */
import type {
  Coordinator,
  CoordinatorAnswer,
  CoordinatorMessage,
  CoordinatorStatus,
  RequestMessage,
  SnapshotInfo,
} from '../../src/gateway/coordinator.ts';
import { CoordinationError } from '../../src/protocol/errors.ts';
import type { ZnodePath } from '../../src/protocol/model.ts';
import type { Result } from '../../src/protocol/operations.ts';

/** What a request is answered with; undefined = nothing, the test answers by `answer`. */
export type Script = (request: RequestMessage) => Result | CoordinationError | undefined;

export const at = (path: string): ZnodePath => path as ZnodePath;

export class FakeCoordinator implements Coordinator {
  /** Of every answer that does not say another. */
  zxid = 120;
  voters = 1;
  script: Script;
  readonly messages: CoordinatorMessage[] = [];
  /** What `submit` was called with. */
  readonly batches: (readonly CoordinatorMessage[])[] = [];
  readonly snapshots = new Map<number, readonly Uint8Array[]>();
  #listener: ((answers: readonly CoordinatorAnswer[]) => void) | undefined;

  constructor(script: Script = () => ({})) {
    this.script = script;
  }

  get requests(): readonly RequestMessage[] {
    return this.messages.filter((message) => message.type === 'request');
  }

  /** The last request. */
  get request(): RequestMessage {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('nothing has been asked');
    return request;
  }

  submit(messages: readonly CoordinatorMessage[]): void {
    this.batches.push(messages);
    this.messages.push(...messages);
    const answers = messages.flatMap((message) => {
      if (message.type !== 'request') return [];
      const result = this.script(message);
      return result === undefined ? [] : [this.#answerTo(message, result)];
    });
    if (answers.length > 0) this.answer(...answers);
  }

  listen(listener: (answers: readonly CoordinatorAnswer[]) => void): void {
    this.#listener = listener;
  }

  /** Hands a batch to the door. */
  answer(...answers: readonly CoordinatorAnswer[]): void {
    this.#listener?.(answers);
  }

  status(): CoordinatorStatus {
    return {
      ...{ server: 1, clusterId: 'fake', configZxid: 0, epoch: 1, leader: 1, readOnly: false },
      members: [],
      warnings: [],
      appliedZxid: this.zxid,
      ...{ sessionTimeoutMinMs: 4000, sessionTimeoutMaxMs: 600_000 },
      ...{ sessionTimeoutDefaultMs: 10_000, voters: this.voters },
    };
  }

  takeSnapshot(): Promise<SnapshotInfo> {
    return Promise.resolve({ zxid: this.zxid, bytes: 7 });
  }

  readSnapshot(zxid: number): AsyncIterable<Uint8Array> | undefined {
    const chunks = this.snapshots.get(zxid);
    if (chunks === undefined) return undefined;
    return (async function* () {
      yield* chunks;
    })();
  }

  #answerTo(request: RequestMessage, result: Result | CoordinationError): CoordinatorAnswer {
    const { stream, id } = request;
    const { zxid } = this;
    if (result instanceof CoordinationError) {
      return { type: 'error', stream, id, zxid, error: result.toBody() };
    }
    return { type: 'result', stream, id, zxid, result };
  }
}
