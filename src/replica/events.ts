/**
 * From transactions to events. A transaction that is applied fires the watches at once; a stream whose
 * socket is full, or that resumes, is a cursor on the ring and gets the same events from there, at its
 * pace. Which change fires what is `WatchTable`'s trigger table (ZooKeeper's `WatchManager`); who may see
 * it is judged here, by the ACL of the znode right after the change (right before, for a deletion; the
 * parent's for a children event) against the identities that the stream has at delivery.
 */
import { assert } from '../protocol/assert.ts';
import type { StreamEvent, StreamId } from '../protocol/coordination.ts';
import type { EventType, ZnodePath, Zxid } from '../protocol/model.ts';
import type { StreamWatchMode } from '../protocol/operations.ts';
import { canRead } from '../tree/index.ts';
import type { AclId, Transaction } from '../tree/index.ts';
import type { Core } from './core.ts';
import { ANSWER_BYTES } from './outbox.ts';
import { isZnodeChange, Replays, SharedEvents } from './shared-events.ts';
import type { ZnodeChange } from './shared-events.ts';
import type { Arming, Disarming, Stream } from './stream.ts';

/** What a replay costs: so much for each record and each event, and the bytes of the record. */
const REPLAY_UNIT = 256;
/**
 * What one step of a stream may cost before the socket is asked again: streams that lag together go through
 * large records side by side, so that each is decoded and framed once for all.
 */
const REPLAY_COST_PER_STEP = 128 * 1024;
/** What the steps of all streams may cost in a turn of the event loop: some milliseconds. */
const REPLAY_COST_PER_TURN = 1024 * 1024;

export class EventDelivery {
  readonly #core: Core;
  /** The change that is being delivered, for the callbacks below. */
  #zxid: Zxid = 0;
  #time = 0;
  #change: ZnodeChange | undefined;
  /** The events of the change, made once and shared by all streams that get them. */
  #shared: SharedEvents | undefined;
  #touched: Stream[] = [];
  readonly #replays = new Replays();
  /** What replays have cost, ever. */
  #cost = 0;
  /** Streams that go on with their replay in the next turn, or a later one, in order. */
  #pumps: Stream[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  /** Fires the watches of a transaction that has just been applied. */
  deliver(zxid: Zxid, transaction: Transaction): void {
    if (this.#core.watches.count === 0) return;
    this.#zxid = zxid;
    this.#time = transaction.time;
    for (const change of transaction.changes) {
      if (!isZnodeChange(change)) continue;
      this.#begin(change);
      this.#core.watches.trigger({ kind: change.type, path: change.path }, this.#emit, this.#skip);
    }
    this.#finish();
  }

  /** Brings the stream's cursor forward, as far as its socket and this turn allow. */
  pump(stream: Stream): void {
    if (stream.ended || stream.blocked || !stream.lagging) return;
    const before = this.#cost;
    while (this.#cost - before < REPLAY_COST_PER_STEP) {
      this.#releaseDeferred(stream);
      if (stream.cursor === this.#core.zxid) {
        this.#caughtUp(stream);
        return;
      }
      this.#replayNext(stream);
    }
    this.schedulePump(stream);
  }

  /** Goes on with the replay after the input that is already there, so that others are not delayed. */
  schedulePump(stream: Stream): void {
    if (stream.pumping) return;
    stream.pumping = true;
    this.#pumps.push(stream);
    if (this.#pumps.length === 1) this.#pumpLater();
  }

  #pumpLater(): void {
    this.#core.scheduler.defer(() => {
      const before = this.#cost;
      // Those that come in between wait behind these, for another turn.
      const waiting = [...this.#pumps];
      let taken = 0;
      for (const stream of waiting) {
        if (this.#cost - before >= REPLAY_COST_PER_TURN) break;
        taken++;
        stream.pumping = false;
        this.pump(stream);
        this.#core.outbox.flush();
      }
      this.#pumps.splice(0, taken);
      if (this.#pumps.length > 0) this.#pumpLater();
    });
  }

  /** From now on the stream gets its events from the ring, after `cursor`. */
  startLagging(stream: Stream, cursor: Zxid): void {
    if (stream.lagging) return;
    stream.lagging = true;
    stream.cursor = cursor;
    this.#core.lagging++;
  }

  /**
   * Leaves a watch on the stream. What a lagging stream has not been told of yet happened before the watch,
   * so that it is armed only when the cursor has come to where the stream was when it was left.
   */
  arm(stream: Stream, arming: Arming): void {
    if (stream.lagging) stream.deferred.push({ horizon: this.#core.zxid, arming, bytes: 0 });
    else this.#core.watches.add(stream.id, arming.path, arming.mode);
  }

  /** Takes a watch back; without `mode` all of the path. @returns false when there is none */
  disarm(stream: Stream, path: ZnodePath, mode?: StreamWatchMode): boolean {
    assert(!stream.lagging, 'what a lagging stream has not been told of yet came before');
    return this.#core.watches.remove(stream.id, path, mode);
  }

  /** The same for a lagging stream: the watch stays until it has told of what came before. */
  disarmLater(stream: Stream, disarming: Disarming): void {
    stream.deferred.push({ horizon: this.#core.zxid, disarming, bytes: ANSWER_BYTES });
    stream.deferredBytes += ANSWER_BYTES;
  }

  /**
   * The state has jumped from `before` without the records between: whoever watches is told that events
   * are gone, since the ring no longer reaches back to where it was.
   */
  jumped(before: Zxid): void {
    for (const stream of this.#core.streams.values()) {
      if (!stream.lagging && this.#core.watches.countOf(stream.id) === 0) continue;
      this.startLagging(stream, before);
      this.schedulePump(stream);
    }
  }

  /** To be called when a stream ends. */
  forget(stream: Stream): void {
    if (stream.lagging) this.#core.lagging--;
    if (this.#core.lagging === 0) this.#replays.clear();
    stream.lagging = false;
    stream.deferred = [];
    stream.deferredBytes = 0;
  }

  #replayNext(stream: Stream): void {
    const { ring } = this.#core;
    if (!ring.canResumeFrom(stream.cursor)) {
      this.#core.outbox.push({
        type: 'gone',
        stream: stream.id,
        oldestZxid: ring.oldestResumeZxid,
        currentZxid: this.#core.zxid,
      });
      stream.cursor = this.#core.zxid;
      return;
    }
    const record = ring.at(stream.cursor + 1);
    stream.cursor = record.zxid;
    this.#cost += REPLAY_UNIT + record.payload.length;
    if (record.kind === 'epoch') return;
    this.#zxid = record.zxid;
    for (const shared of this.#replays.changesOf(record)) {
      const { change } = shared;
      this.#begin(change, shared);
      const { path, type } = change;
      this.#core.watches.triggerFor(stream.id, { kind: type, path }, this.#emit);
    }
    this.#finish();
  }

  #releaseDeferred(stream: Stream): void {
    let released = 0;
    for (const { horizon, answer, arming, disarming, bytes } of stream.deferred) {
      if (horizon > stream.cursor) break;
      if (disarming !== undefined) this.#disarm(stream, disarming);
      if (arming !== undefined) this.#core.watches.add(stream.id, arming.path, arming.mode);
      if (answer !== undefined) this.#core.outbox.push(answer);
      stream.deferredBytes -= bytes;
      released++;
    }
    if (released > 0) stream.deferred = stream.deferred.slice(released);
  }

  #disarm({ id }: Stream, { path, mode, answer }: Disarming): void {
    this.#core.outbox.push(answer(this.#core.watches.remove(id, path, mode)));
  }

  #caughtUp(stream: Stream): void {
    assert(stream.deferred.length === 0, 'an answer waits for a zxid that has not been applied');
    stream.lagging = false;
    this.#core.lagging--;
    if (this.#core.lagging === 0) this.#replays.clear();
  }

  #begin(change: ZnodeChange, shared?: SharedEvents): void {
    this.#change = change;
    this.#shared = shared;
  }

  #finish(): void {
    const touched = this.#touched;
    if (touched.length === 0) return;
    this.#touched = [];
    for (const stream of touched) {
      const events = stream.collected;
      assert(events !== undefined, 'a touched stream has events');
      stream.collected = undefined;
      this.#core.counters.eventsSent += events.length;
      this.#cost += events.length * REPLAY_UNIT;
      this.#core.outbox.push({ type: 'events', stream: stream.id, zxid: this.#zxid, events });
    }
  }

  readonly #skip = (id: StreamId): boolean => {
    const stream = this.#core.streams.get(id);
    assert(stream !== undefined, 'a watch belongs to an open stream');
    if (!stream.lagging && stream.blocked) this.startLagging(stream, this.#zxid - 1);
    return stream.lagging;
  };

  readonly #emit = (id: StreamId, type: EventType | 'change', path: ZnodePath): void => {
    const stream = this.#core.streams.get(id);
    const change = this.#change;
    assert(stream !== undefined, 'a watch belongs to an open stream');
    assert(change !== undefined, 'an event belongs to a change');
    if (type === 'change') {
      this.#core.outbox.push({ type: 'change', stream: id, zxid: this.#zxid, path });
      return;
    }
    const aclId = type === 'NodeChildrenChanged' ? parentAclOf(change) : change.acl;
    if (!this.#mayRead(stream, aclId)) return;
    this.#shared ??= new SharedEvents(change, this.#zxid, this.#time);
    collect(stream, this.#shared.of(type, stream.with), this.#touched);
  };

  #mayRead(stream: Stream, aclId: AclId): boolean {
    const { state, settings } = this.#core;
    const zxid = this.#zxid;
    return canRead({ acl: (id) => state.aclAt(id, zxid) }, aclId, {
      identities: stream.caller.identities,
      superIdentity: settings.superIdentity,
    });
  }
}

/** The first events of a transaction may be shared between streams; more make an array of the stream's own. */
function collect(stream: Stream, events: readonly StreamEvent[], touched: Stream[]): void {
  if (stream.collected === undefined) {
    stream.collected = events;
    stream.collectedOwn = undefined;
    touched.push(stream);
    return;
  }
  stream.collectedOwn ??= [...stream.collected];
  stream.collectedOwn.push(...events);
  stream.collected = stream.collectedOwn;
}

function parentAclOf(change: ZnodeChange): AclId {
  assert('parentAcl' in change, 'only a creation or deletion changes the children of the parent');
  return change.parentAcl;
}
