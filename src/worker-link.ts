// The main thread's end of a running machine: its worker, the doorbell, and the byte streams.
import type { Bytes } from '../devices/ports.ts';
import { WindowReceiver, WindowSender } from './byte-window.ts';
import type { Platform, WorkerHandle } from './platform.ts';
import type { FromWorker, MachineSetup, StreamName, ToWorker } from './worker-protocol.ts';

/** Consumes output. While the promise it returned is pending it is given no more, and in the end the guest must wait. */
export type OutputConsumer = (bytes: Bytes) => void | Promise<void>;

/** One byte stream of the machine, as the main thread uses it. */
export class LinkStream {
  readonly sender: WindowSender;
  /** Which opening of the port the bytes are meant for. */
  opening = 0;
  readonly #receiver: WindowReceiver;
  #consumer: OutputConsumer = () => undefined;

  constructor(post: (bytes: Bytes, opening: number) => void, postCredit: (count: number) => void) {
    this.sender = new WindowSender((bytes) => post(bytes, this.opening));
    this.#receiver = new WindowReceiver(postCredit);
  }

  /** Output goes to `consumer` from now on. It may be called again while it is at work: putting in order is its own. */
  consume(consumer: OutputConsumer): void {
    this.#consumer = consumer;
  }

  /** Output has arrived from the worker. */
  arrived(bytes: Bytes): void {
    this.#receiver.arrived(bytes.length);
    const consumed = (): void => this.#receiver.consumed(bytes.length);
    const pending = this.#consumer(bytes);
    // A consumer that fails has lost its bytes; whoever wrote it hears of it, the machine goes on.
    if (pending === undefined) consumed();
    else pending.then(consumed, consumed);
  }
}

export class WorkerLink {
  readonly uart: LinkStream;
  readonly console: LinkStream;
  readonly agent: LinkStream;
  readonly #worker: WorkerHandle;
  readonly #doorbell: Int32Array<ArrayBufferLike>;
  readonly #traceAcknowledged: Int32Array<ArrayBufferLike>;
  readonly #onMessage: (message: FromWorker) => void;

  /** `onFailure` is called when the thread dies by itself; all other messages than bytes and credit go to `onMessage`. */
  constructor(platform: Platform, onMessage: (message: FromWorker) => void, onFailure: (error: Error) => void) {
    this.#worker = platform.startWorker();
    this.#doorbell = word(platform.sharedMemory);
    this.#traceAcknowledged = word(platform.sharedMemory);
    this.#onMessage = onMessage;
    this.uart = this.#stream('uart');
    this.console = this.#stream('console');
    this.agent = this.#stream('agent');
    this.#worker.onMessage((message) => this.#receive(message));
    this.#worker.onFailure(onFailure);
  }

  start(setup: MachineSetup): void {
    this.post({ type: 'start', setup, doorbell: this.#doorbell, traceAcknowledged: this.#traceAcknowledged });
  }

  post(message: ToWorker): void {
    this.#worker.post(message);
    // After the message: a machine that waits on the doorbell must find the message there when it wakes.
    Atomics.add(this.#doorbell, 0, 1);
    Atomics.notify(this.#doorbell, 0);
  }

  terminate(): Promise<void> {
    return this.#worker.terminate();
  }

  #stream(stream: StreamName): LinkStream {
    return new LinkStream(
      (bytes, opening) => this.post({ type: 'bytes', stream, bytes, opening }),
      (count) => this.post({ type: 'credit', stream, count }),
    );
  }

  #receive(message: FromWorker): void {
    if (message.type === 'bytes') this[message.stream].arrived(message.bytes);
    else if (message.type === 'credit') this[message.stream].sender.addCredit(message.count);
    else this.#onMessage(message);
    if (message.type === 'events') {
      Atomics.add(this.#traceAcknowledged, 0, message.events.length);
      Atomics.notify(this.#traceAcknowledged, 0);
    }
  }
}

function word(shared: boolean): Int32Array<ArrayBufferLike> {
  return new Int32Array(shared ? new SharedArrayBuffer(4) : new ArrayBuffer(4));
}
