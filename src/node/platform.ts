// The main-thread side of a VM in Node.js: worker threads, and the guest image from its package.
import { Worker } from 'node:worker_threads';
import { VmError } from '../errors.ts';
import type { Platform, WorkerHandle } from '../platform.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import { loadGuestImage } from './images.ts';
import { after } from './timer.ts';

class NodeWorker implements WorkerHandle {
  readonly #worker: Worker;
  #terminated = false;

  constructor() {
    // Beside this module when it is built.
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'vm9' });
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  onMessage(listener: (message: FromWorker) => void): void {
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

  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#worker.terminate();
  }
}

export const nodePlatform: Platform = {
  startWorker: () => new NodeWorker(),
  loadGuestImage,
  now: () => performance.now(),
  after,
  sharedMemory: true,
};
