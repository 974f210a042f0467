// Bounds the events of a trace that are under way from a worker to the main thread: a main thread that cannot keep up stops the
// machine, or the trace would fill the memory between them. Each end is one of the classes below.
import { Deferred } from './agent/deferred.ts';
import { isShared } from './shared-memory.ts';

/** Events that may be under way before the machine waits for the main thread. */
export const traceWindow = 4096;

/** The worker's end. */
export class TraceSender {
  /** One element: how many events have been received, of all machines of the worker. */
  readonly #acknowledged: Int32Array<ArrayBufferLike>;
  #sent: number;
  #room: Deferred<void> | undefined;

  constructor(acknowledged: Int32Array<ArrayBufferLike>) {
    this.#acknowledged = acknowledged;
    this.#sent = Atomics.load(acknowledged, 0);
  }

  /**
   * An event was posted. Where the window is full it blocks the thread until there is room; without shared memory nobody
   * could tell a blocked thread, so there a promise stands for the room, and the machine is to stand still until then.
   */
  posted(): Promise<void> | undefined {
    this.#sent = (this.#sent + 1) | 0;
    if (!isShared(this.#acknowledged.buffer))
      return this.#isFull() ? (this.#room ??= new Deferred()).promise : undefined;
    for (let seen = this.#received(); this.#isFull(seen); seen = this.#received()) {
      Atomics.wait(this.#acknowledged, 0, seen);
    }
    return undefined;
  }

  /** The main thread tells of `count` events that it has received, where it has no memory to write that into. */
  acknowledge(count: number): void {
    Atomics.add(this.#acknowledged, 0, count);
    if (this.#isFull()) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #received(): number {
    return Atomics.load(this.#acknowledged, 0);
  }

  #isFull(received = this.#received()): boolean {
    // Counts wrap.
    return ((this.#sent - received) | 0) > traceWindow;
  }
}

/** The main thread's end. */
export class TraceReceiver {
  /** For the sender: where this end counts, if it is shared memory. */
  readonly acknowledged: Int32Array<ArrayBufferLike>;
  readonly #post: (count: number) => void;
  #unacknowledged = 0;

  /** `post` is to bring a count to the sender's `acknowledge`. */
  constructor(acknowledged: Int32Array<ArrayBufferLike>, post: (count: number) => void) {
    this.acknowledged = acknowledged;
    this.#post = post;
  }

  /** `count` events have arrived. */
  received(count: number): void {
    if (isShared(this.acknowledged.buffer)) {
      Atomics.add(this.acknowledged, 0, count);
      Atomics.notify(this.acknowledged, 0);
      return;
    }
    // In few messages, yet before the sender can run dry.
    this.#unacknowledged += count;
    if (this.#unacknowledged < traceWindow / 4) return;
    this.#post(this.#unacknowledged);
    this.#unacknowledged = 0;
  }
}
