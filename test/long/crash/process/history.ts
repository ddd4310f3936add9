/** What all clients together have seen: the zxids of a linearizable history, over all lives of the node. */
import { fail } from '../fail.ts';

interface Write {
  readonly zxid: number;
  readonly what: string;
  readonly invokedMs: number;
  readonly answeredMs: number;
}

/** A znode of the common queue, by the text that only its maker has written. */
export interface Item {
  readonly marker: string;
  readonly key: string;
  name?: string;
  zxid?: number;
  /** `unknown`: without an answer; `leaving`: its removal is. */
  state: 'unknown' | 'there' | 'leaving' | 'gone';
}

export class History {
  readonly items = new Map<string, Item>();
  /** The greatest zxid of any answer. */
  seen = 0;
  /** Answers of writes in this life of the node. */
  #writes: Write[] = [];
  #total = 0;
  /** Highest zxid that the lives before have answered. */
  #before = 0;

  get acknowledged(): number {
    return this.#total;
  }

  now(): number {
    return performance.now();
  }

  /** Any answer; one of a linearizable request is not older than what was seen when it was sent. */
  answered(zxid: number, seenBefore = 0): void {
    if (zxid < seenBefore) fail(`an answer is of zxid ${zxid}, after one of ${seenBefore}`);
    this.seen = Math.max(this.seen, zxid);
  }

  wrote(write: Omit<Write, 'answeredMs'>): void {
    this.#writes.push({ ...write, answeredMs: this.now() });
    this.#total += 1;
    this.answered(write.zxid);
    if (write.zxid <= this.#before) {
      fail(`${write.what} has zxid ${write.zxid}, which an earlier life gave: ${this.#before}`);
    }
  }

  /** The answer of a retry, whose write may be of an earlier life. */
  wroteEarlier(zxid: number): void {
    this.#total += 1;
    this.answered(zxid);
  }

  /** At the end of a life: no zxid was given twice, and their order agrees with that of real time. */
  checkOrder(): void {
    const sorted = this.#writes.sort((a, b) => b.zxid - a.zxid);
    let earliestAnswer = Infinity;
    let later: Write | undefined;
    for (const write of sorted) {
      if (later?.zxid === write.zxid) {
        fail(`${write.what} and ${later.what} both have zxid ${write.zxid}`);
      }
      if (write.invokedMs > earliestAnswer) {
        fail(`${write.what} was sent after a write of a greater zxid had been answered`);
      }
      earliestAnswer = Math.min(earliestAnswer, write.answeredMs);
      later = write;
    }
    this.#writes = [];
    this.#before = this.seen;
  }

  /** The queue as the next life has it. */
  checkQueue(children: readonly { readonly name: string; readonly data?: string }[]): void {
    const found = new Map<string, string>();
    for (const { name, data = '' } of children) {
      const twin = found.get(data);
      if (twin !== undefined) fail(`${name} and ${twin} are both ${data}`);
      found.set(data, name);
    }
    for (const item of this.items.values()) {
      const name = found.get(item.marker);
      found.delete(item.marker);
      this.#checkItem(item, name);
    }
    for (const [marker, name] of found) fail(`nobody has made ${name} (${marker})`);
  }

  #checkItem(item: Item, name: string | undefined): void {
    const { marker, state } = item;
    if (name !== undefined && item.name !== undefined && name !== item.name) {
      fail(`${marker} was ${item.name}, and is ${name}`);
    }
    if (state === 'there' && name === undefined) fail(`${marker} (${String(item.name)}) is lost`);
    if (state === 'gone' && name !== undefined) fail(`${marker} (${name}) has come back`);
    if (state === 'leaving') item.state = name === undefined ? 'gone' : 'there';
    if (name !== undefined) item.name = name;
    if (item.state === 'gone') this.items.delete(marker);
  }
}
