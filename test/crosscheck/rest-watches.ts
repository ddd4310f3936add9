/**
 * The watches of one session over REST: each has an event stream of its own, while a ZooKeeper connection
 * is told of a change once, however many of its watches it touches. So the streams are put together here.
 */
import type { ObservedEvent } from './observation.ts';
import type { EventStream, SentEvent } from './rest-client.ts';

export type WatchMode = 'data' | 'exists' | 'children' | 'persistent' | 'persistent-recursive';

interface OpenWatch {
  readonly path: string;
  readonly mode: WatchMode;
  readonly events: ObservedEvent[];
  /** Had its one event, though another stream had told it before. */
  used: boolean;
  stream: EventStream | undefined;
}

const oneShot: ReadonlySet<WatchMode> = new Set(['data', 'exists', 'children'] as const);

const keyOf = ({ type, path }: ObservedEvent): string => `${type} ${path}`;

export class RestWatches {
  #open: OpenWatch[] = [];
  /** What any stream has told, by zxid: that of a one-shot watch may tell it again, and later. */
  readonly #told = new Set<string>();

  /** @param start opens the stream. @returns false where the server refused */
  async add(
    watch: Pick<OpenWatch, 'path' | 'mode'>,
    start: (listener: (event: SentEvent) => void) => Promise<EventStream | undefined>,
  ): Promise<boolean> {
    const added: OpenWatch = { ...watch, events: [], used: false, stream: undefined };
    added.stream = await start((event) => this.#take(added, event));
    if (added.stream !== undefined) this.#open.push(added);
    return added.stream !== undefined;
  }

  /** Whether everything of `expected` is here, and on each lasting stream its share of it. */
  has(expected: readonly ObservedEvent[]): boolean {
    return this.#lacking(expected).length === 0 && this.#merged().length >= expected.length;
  }

  /** What came, with a mark for what a lasting stream should have had and has not; begins afresh. */
  collect(expected: readonly ObservedEvent[]): ObservedEvent[] {
    const events = [...this.#merged(), ...this.#lacking(expected)];
    this.#open = this.#open.filter(({ mode, events: own, used, stream }) => {
      if (!oneShot.has(mode) || (own.length === 0 && !used)) return true;
      stream?.end();
      return false;
    });
    for (const { events: own } of this.#open) own.length = 0;
    return events;
  }

  endAll(): void {
    for (const { stream } of this.#open.splice(0)) stream?.end();
  }

  #take(watch: OpenWatch, { type, path, zxid }: SentEvent): void {
    const key = `${zxid} ${type} ${path}`;
    if (oneShot.has(watch.mode) && this.#told.has(key)) watch.used = true;
    else watch.events.push({ type, path });
    this.#told.add(key);
  }

  /** Of equal events the most that one stream had count. */
  #merged(): ObservedEvent[] {
    const most = new Map<string, ObservedEvent[]>();
    for (const { events } of this.#open) {
      for (const [key, group] of grouped(events)) {
        if (group.length > (most.get(key)?.length ?? 0)) most.set(key, group);
      }
    }
    return [...most.values()].flat();
  }

  /**
   * Not of one-shot watches, which an event that was withheld has used up unseen; where no other stream
   * covers for one, its event is missing among all.
   */
  #lacking(expected: readonly ObservedEvent[]): ObservedEvent[] {
    return this.#open
      .filter(({ mode }) => !oneShot.has(mode))
      .flatMap((watch) =>
        expected
          .filter((event) => concerns(watch, event))
          .slice(watch.events.length)
          .map(({ type, path }) => ({ type: `no ${type} on the stream of ${watch.mode}`, path })),
      );
  }
}

/** Whether a lasting watch tells `event`. */
function concerns({ path, mode }: OpenWatch, event: ObservedEvent): boolean {
  if (mode === 'persistent') return event.path === path;
  const within = event.path === path || event.path.startsWith(`${path}/`);
  return within && event.type !== 'NodeChildrenChanged';
}

function grouped(events: readonly ObservedEvent[]): Map<string, ObservedEvent[]> {
  const groups = new Map<string, ObservedEvent[]>();
  for (const event of events) {
    groups.set(keyOf(event), [...(groups.get(keyOf(event)) ?? []), event]);
  }
  return groups;
}
