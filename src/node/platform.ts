// The main-thread side of a VM in Node.js: worker threads, and the guest image from its package.
import { randomFillSync } from 'node:crypto';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { VmError } from '../errors.ts';
import type { Platform, WorkerHandle } from '../platform.ts';
import type { FromWasi, ToWasi } from '../wasi/wasi-protocol.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import type { TransferablePort } from '../port.ts';
import { loadGuestImage } from './images.ts';
import { openPort } from './open-port.ts';
import { after } from './timer.ts';

class NodeWorker<To, From> implements WorkerHandle<To, From> {
  readonly #worker: Worker;
  readonly #beforeEnd: () => Promise<void>;
  #terminated = false;

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

/** `script` is beside this module when it is built. */
function start(script: string, name: string): Worker {
  return new Worker(new URL(script, import.meta.url), { name });
}

export const nodePlatform: Platform = {
  startWorker: () => new NodeWorker<ToWorker, FromWorker>(start('./worker.cjs', 'vm9')),
  startWasiWorker: () => new NodeWorker<ToWasi, FromWasi>(start('./wasi-worker.js', 'vm9 wasi')),
  makeChannel: (onMessage) => {
    const { port1, port2 } = new MessageChannel();
    const end = openPort(port1, onMessage);
    port1.unref();
    return { end, port: port2 };
  },
  makePorts: () => {
    const { port1, port2 } = new MessageChannel();
    return { port: port1, peer: port2 };
  },
  loadGuestImage,
  randomFill: (bytes) => void randomFillSync(bytes),
  now: () => performance.now(),
  after,
  fillAhead: async (file, memoryBytes) => {
    const { fillAhead } = await import('../snapshot/fill-ahead.ts');
    const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    return fillAhead(file, memoryBytes, { zlib: () => import('./zlib.ts'), turn });
  },
  sharedMemory: true,
};

/** With a thread that was started ahead, for the first machine that wants one; `beforeEnd` is awaited before it is ended. */
export function platformWith(thread: Worker | undefined, beforeEnd: () => Promise<void>): Platform {
  let ahead = thread;
  const takeWorker = (): Worker | undefined => {
    const worker = ahead;
    ahead = undefined;
    return worker;
  };
  return {
    ...nodePlatform,
    startWorker: () => {
      const worker = takeWorker();
      return worker === undefined
        ? nodePlatform.startWorker()
        : new NodeWorker<ToWorker, FromWorker>(worker, beforeEnd);
    },
  };
}
