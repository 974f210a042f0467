// The worker of a VM, as the main thread has it: owner of the shares, and of one machine at a time. It lives as long as
// somebody holds it.
import { Deferred } from './agent/deferred.ts';
import { VmError } from './errors.ts';
import type { Platform, WorkerHandle } from './platform.ts';
import type { TransferablePort } from './port.ts';
import { TraceReceiver } from './trace-window.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './worker-protocol.ts';

/** Milliseconds that a worker is given to close its shares before it is ended anyway. */
export const closingTime = 5000;

export class WorkerThread {
  /** Raised whenever a message was posted to the worker, on whatever way. */
  readonly doorbell: Int32Array<ArrayBufferLike>;
  readonly #platform: Platform;
  readonly #worker: WorkerHandle;
  readonly #trace: TraceReceiver;
  readonly #onLog: (message: { readonly line: string }) => void;
  readonly #onGone = new Set<(error: VmError) => void>();
  readonly #closed = new Deferred<void>();
  #machine: ((message: FromWorker) => void) | undefined;
  #awaited = 0;
  #gone: VmError | undefined;

  /**
   * `owned` is what the worker is to own. `onLog` is given the lines for the person who runs the machine; shares have some
   * before there is one.
   */
  constructor(
    platform: Platform,
    owned: Pick<WorkerSetup, 'shares' | 'drives'>,
    onLog: (message: { readonly line: string }) => void,
  ) {
    this.#platform = platform;
    this.#onLog = onLog;
    this.doorbell = word(platform.sharedMemory);
    this.#trace = new TraceReceiver(word(platform.sharedMemory), (count) => this.post({ type: 'traced', count }));
    this.#worker = platform.startWorker();
    this.#worker.onMessage((message) => this.#receive(message));
    this.#worker.onFailure((error) => {
      this.#end(new VmError('internal', `the thread of the machine died: ${error.message}`, { cause: error }));
    });
    const { doorbell } = this;
    this.post({ type: 'open', setup: { ...owned, doorbell, traceAcknowledged: this.#trace.acknowledged } });
  }

  /** Calls `listener` once when the worker is gone, whyever. */
  onGone(listener: (error: VmError) => void): () => void {
    if (this.#gone === undefined) this.#onGone.add(listener);
    else listener(this.#gone);
    return () => void this.#onGone.delete(listener);
  }

  post(message: ToWorker, transfer?: readonly TransferablePort[]): void {
    this.#worker.post(message, transfer);
    this.ring();
  }

  /** To be called after a message was posted: a machine that waits on the doorbell must find it there when it wakes. */
  ring(): void {
    Atomics.add(this.doorbell, 0, 1);
    Atomics.notify(this.doorbell, 0);
  }

  /** Messages of the machine that is about to start go to `listener`. */
  runMachine(listener: (message: FromWorker) => void): void {
    this.#machine = listener;
    this.setAwaited(true);
  }

  endMachine(): void {
    if (this.#machine === undefined) return;
    this.#machine = undefined;
    this.setAwaited(false);
  }

  /** Somebody begins, or ends, to wait for the worker. */
  setAwaited(awaited: boolean): void {
    if (this.#gone !== undefined) return;
    this.#awaited += awaited ? 1 : -1;
    this.#worker.setAwaited(this.#awaited > 0);
  }

  /** Closes the shares and ends the worker. Rejects where a share could not store what it has. */
  close(): Promise<void> {
    if (this.#gone === undefined) {
      this.setAwaited(true);
      const cancel = this.#platform.after(closingTime, () => this.kill('the shares took too long to close'));
      this.#closed.promise.then(cancel, cancel);
      this.post({ type: 'close' });
    }
    return this.#closed.promise;
  }

  /** Ends the worker as it is. */
  kill(message: string): void {
    this.#end(new VmError('stopped', message));
  }

  #receive(message: FromWorker): void {
    if (message.type === 'closed') {
      const { error } = message;
      this.#end(
        error === undefined
          ? new VmError('stopped', 'the VM let go of its shares')
          : defect('a share cannot be closed', error),
      );
      return;
    }
    if (message.type === 'log') this.#onLog(message);
    else this.#machine?.(message);
    if (message.type === 'events') this.#trace.received(message.events.length);
    if (message.type === 'failed') this.#end(defect('the machine failed', message));
  }

  #end(error: VmError): void {
    if (this.#gone !== undefined) return;
    // Its end is waited for.
    this.setAwaited(true);
    this.#gone = error;
    const settle = (): void => {
      if (error.code === 'stopped') this.#closed.resolve();
      else this.#closed.reject(error);
    };
    this.#worker.terminate().then(settle, settle);
    for (const listener of this.#onGone) listener(error);
    this.#onGone.clear();
  }
}

/** An error that a worker told of. */
function defect(what: string, { message, stack }: { readonly message: string; readonly stack: string }): VmError {
  const error = new VmError('internal', `${what}: ${message}`);
  error.stack = stack;
  return error;
}

function word(shared: boolean): Int32Array<ArrayBufferLike> {
  return new Int32Array(shared ? new SharedArrayBuffer(4) : new ArrayBuffer(4));
}

/** Somebody's claim on a worker. */
export interface WorkerHold {
  readonly thread: WorkerThread;
  /** Resolves when the worker has closed its shares, if nobody else holds it. Rejects where that went wrong. */
  release(): Promise<void>;
}

/** Starts a VM's worker when somebody needs it, and ends it when nobody does. */
export class WorkerKeeper {
  readonly #start: () => WorkerThread;
  readonly #keeps: boolean;
  #thread: WorkerThread | undefined;
  #holds = 0;
  #disposed = false;
  /** The worker before, which may still have the shares open. */
  #closing: Promise<void> = Promise.resolve();

  /** `keeps`: not before `dispose`, because what the shares hold goes with it. */
  constructor(start: () => WorkerThread, keeps: boolean) {
    this.#start = start;
    this.#keeps = keeps;
  }

  /** Rejects with VmError 'stopped' after `dispose`. */
  async hold(): Promise<WorkerHold> {
    // Until none is closing: another may have begun to while this one waited.
    for (let closing: Promise<void> | undefined; closing !== this.#closing;) {
      closing = this.#closing;
      await closing;
    }
    if (this.#disposed) throw new VmError('stopped', 'the VM was disposed of: create another');
    const thread = this.#thread ?? this.#begin();
    this.#holds++;
    let released: Promise<void> | undefined;
    return { thread, release: () => (released ??= this.#release(thread)) };
  }

  /** Ends the worker, whoever holds it. Rejects where a share could not store what it has. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#closing;
    await this.#thread?.close();
  }

  #begin(): WorkerThread {
    const thread = this.#start();
    this.#thread = thread;
    this.#holds = 0;
    thread.onGone(() => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    return thread;
  }

  #release(thread: WorkerThread): Promise<void> {
    // One that has come to its end by itself has told so.
    if (this.#thread !== thread) return thread.close().catch(() => undefined);
    if (--this.#holds > 0 || this.#keeps) return Promise.resolve();
    this.#thread = undefined;
    const closed = thread.close();
    this.#closing = closed.catch(() => undefined);
    return closed;
  }
}
