import type { Context } from './context.ts';

/** Since when the disk has completed nothing of what it was given. */
export class DiskWatch {
  readonly #context: Context;
  #busySinceMs: number | undefined;
  #promises = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** True while it hangs. */
  get isStalled(): boolean {
    const { nowMs, timeouts, graceUntilMs } = this.#context;
    if (this.#busySinceMs === undefined || nowMs <= graceUntilMs) return false;
    return nowMs > this.#busySinceMs + timeouts.diskStallMs;
  }

  /** For how long it has completed nothing, milliseconds; 0 while it does not hang. */
  get stalledMs(): number {
    return this.isStalled ? this.#context.nowMs - (this.#busySinceMs ?? 0) : 0;
  }

  handedOut(records: boolean, promise: boolean): void {
    if (promise) this.#promises += 1;
    if (records || promise) this.#busySinceMs ??= this.#context.nowMs;
  }

  promised(): void {
    this.#promises -= 1;
    this.completed();
  }

  completed(): void {
    this.#busySinceMs = this.#isIdle ? undefined : this.#context.nowMs;
  }

  /** The log has been cut: nothing may be on its way any more. */
  relieved(): void {
    if (this.#isIdle) this.#busySinceMs = undefined;
  }

  get #isIdle(): boolean {
    return this.#context.log.inProgress === 0 && this.#promises === 0;
  }
}
