/**
 * Bodies that are being received. Each takes shares of its client and of the node for as long as it is under
 * way, small ones also of a reserve that large ones leave to them. One that stands still, or comes at a
 * trickle, is given up.
 */
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Client } from '../common/clients.ts';
import type { Shares } from '../common/shares.ts';

/** How often all bodies are looked at, milliseconds; more often where one may stall for less. */
const LOOK_MS = 1000;
const LOOKS_PER_STALL = 4;

/** The body came too slowly: answered 408, and the connection ends. */
export class UploadTooSlow extends CoordinationError {
  constructor(detail: string) {
    super('MARSHALLINGERROR', detail);
    this.name = 'UploadTooSlow';
  }
}

export class Upload {
  readonly clients: readonly Client[];
  /** Small ones may take the reserve too. */
  readonly isSmall: boolean;
  readonly begunMs: number;
  readonly giveUp: (error: UploadTooSlow) => void;
  /** What has come, and is held. */
  bytes = 0;
  movedMs: number;

  constructor(fields: Pick<Upload, 'clients' | 'isSmall' | 'begunMs' | 'giveUp'>) {
    this.clients = fields.clients;
    this.isSmall = fields.isSmall;
    this.begunMs = fields.begunMs;
    this.giveUp = fields.giveUp;
    this.movedMs = fields.begunMs;
  }
}

export interface UploadStart {
  readonly clients: readonly Client[];
  /** Bytes that are declared; undefined for a chunked body. */
  readonly declared: number | undefined;
  /** Called at most once, while the upload is under way. */
  readonly giveUp: (error: UploadTooSlow) => void;
}

export class Uploads {
  readonly #limits: Limits;
  readonly #shares: Pick<Shares, 'uploads' | 'uploadBytes'>;
  readonly #now: () => number;
  readonly #all = new Set<Upload>();
  #timer: NodeJS.Timeout | undefined;
  #givenUp = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(limits: Limits, shares: Pick<Shares, 'uploads' | 'uploadBytes'>, now: () => number) {
    this.#limits = limits;
    this.#shares = shares;
    this.#now = now;
  }

  /** Bodies that were given up for their pace, ever. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /** @throws CoordinationError THROTTLEDOP when there are as many as there may be */
  begin({ clients, declared, giveUp }: UploadStart): Upload {
    const refusal = this.#shares.uploads.take(clients);
    if (refusal !== undefined) throw refusal;
    const isSmall = declared !== undefined && declared <= this.#limits.uploadSmallBytesMax;
    const upload = new Upload({ clients, isSmall, begunMs: this.#now(), giveUp });
    this.#all.add(upload);
    this.#look();
    return upload;
  }

  /** More of it has come. @returns the refusal where that is too much; nothing is taken then */
  grow(upload: Upload, bytes: number): CoordinationError | undefined {
    const { clients, isSmall } = upload;
    const refusal = this.#shares.uploadBytes.take(clients, bytes, !isSmall);
    if (refusal !== undefined) return refusal;
    upload.bytes += bytes;
    upload.movedMs = this.#now();
    return undefined;
  }

  /** It is complete, refused or cut off. May be called again. */
  end(upload: Upload): void {
    if (!this.#all.delete(upload)) return;
    this.#shares.uploads.give(upload.clients);
    if (upload.bytes > 0) this.#shares.uploadBytes.give(upload.clients, upload.bytes);
  }

  /** Gives up what is too slow at this moment. */
  judge(): void {
    const now = this.#now();
    for (const upload of this.#all) {
      const problem = this.#problemOf(upload, now);
      if (problem === undefined) continue;
      this.#givenUp++;
      this.end(upload);
      upload.giveUp(new UploadTooSlow(problem));
    }
  }

  #problemOf({ bytes, begunMs, movedMs }: Upload, now: number): string | undefined {
    const { uploadStallMs, uploadBytesPerSecondMin } = this.#limits;
    if (now - movedMs >= uploadStallMs) {
      const allowed = limitText(this.#limits, 'uploadStallMs');
      return `nothing of the body has come for ${Math.round(now - movedMs)} ms, beyond ${allowed}`;
    }
    const elapsedMs = now - begunMs;
    const rate = Math.floor((bytes * 1000) / elapsedMs);
    if (elapsedMs < uploadStallMs || rate >= uploadBytesPerSecondMin) return undefined;
    const allowed = limitText(this.#limits, 'uploadBytesPerSecondMin');
    return `the body comes with ${rate} bytes a second, below ${allowed}`;
  }

  /** One timer for all; it runs on while there was something to look at. */
  #look(): void {
    if (this.#timer !== undefined) return;
    const everyMs = Math.min(LOOK_MS, this.#limits.uploadStallMs / LOOKS_PER_STALL);
    this.#timer = setInterval(() => {
      if (this.#all.size > 0) {
        this.judge();
        return;
      }
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, everyMs).unref();
  }
}
