// The main thread's end of a running machine: its messages and the byte streams.
import type { Bytes } from '../devices/ports.ts';
import { WindowReceiver, WindowSender } from './byte-window.ts';
import type { FromWorker, PreparedMachine, StreamName, ToWorker } from './worker-protocol.ts';
import type { WorkerThread } from './worker-thread.ts';

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

/** One machine of a worker, from before its start until it has stopped. */
export class WorkerLink {
  readonly uart: LinkStream;
  readonly console: LinkStream;
  readonly agent: LinkStream;
  #thread: WorkerThread | undefined;
  /** What was posted before there was a worker to post it to. */
  #early: ToWorker[] = [];
  #closed = false;
  readonly #onMessage: (message: FromWorker) => void;

  /** All messages but those of the streams go to `onMessage`. */
  constructor(onMessage: (message: FromWorker) => void) {
    this.#onMessage = onMessage;
    this.uart = this.#stream('uart');
    this.console = this.#stream('console');
    this.agent = this.#stream('agent');
  }

  start(thread: WorkerThread, { setup, transfer }: PreparedMachine): void {
    this.#thread = thread;
    thread.runMachine((message) => this.#receive(message));
    thread.post({ type: 'start', setup }, transfer);
    for (const message of this.#early.splice(0)) this.post(message);
  }

  post(message: ToWorker, transfer?: readonly ArrayBuffer[]): void {
    // What comes too late is not for the worker's next machine.
    if (this.#closed) return;
    if (this.#thread === undefined) this.#early.push(message);
    else this.#thread.post(message, transfer);
  }

  /** The machine has stopped. */
  close(): void {
    this.#closed = true;
    this.#thread?.endMachine();
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
  }
}
