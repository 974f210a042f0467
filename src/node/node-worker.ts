// A thread of Node.js as the platform's.
import type { MessagePort, Worker } from 'node:worker_threads';
import { VmError } from '../errors.ts';
import type { WorkerHandle } from '../platform.ts';
import type { TransferablePort } from '../port.ts';

export class NodeWorker<To, From> implements WorkerHandle<To, From> {
  readonly #worker: Worker;
  readonly #beforeEnd: () => Promise<void>;
  #terminated = false;

  /** `beforeEnd` is awaited before it is ended. */
  constructor(worker: Worker, beforeEnd = () => Promise.resolve()) {
    this.#worker = worker;
    this.#beforeEnd = beforeEnd;
    this.#worker.unref();
  }

  post(message: To, transfer: readonly TransferablePort[] = []): void {
    this.#worker.postMessage(message, transfer as readonly MessagePort[]);
  }

  onMessage(listener: (message: From) => void): void {
    this.#worker.on('message', listener);
    this.#worker.on('messageerror', (error) => {
      throw new VmError('internal', `a message of the worker cannot be read: ${error.message}`, { cause: error });
    });
  }

  onFailure(listener: (error: Error) => void): void {
    this.#worker.on('error', listener);
    this.#worker.on('exit', (status) => {
      if (!this.#terminated) listener(new Error(`it ended with status ${status}`));
    });
  }

  setAwaited(awaited: boolean): void {
    if (awaited) this.#worker.ref();
    else this.#worker.unref();
  }

  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#beforeEnd();
    await this.#worker.terminate();
  }
}
