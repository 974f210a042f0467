// The main-thread side of a VM in browsers: dedicated workers, and the guest image by HTTP.
import { VmError } from '../errors.ts';
import type { Platform, WorkerHandle } from '../platform.ts';
import type { VmOptions } from '../vm-options.ts';
import type { FromWasi, ToWasi } from '../wasi/wasi-protocol.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import type { TransferablePort } from '../port.ts';
import { loadGuestImage, type ImageSources } from './images.ts';
import { openPort } from './open-port.ts';
import { after } from './timer.ts';

/** The address of the worker's script, on the page's own origin, or a function that starts it. */
export type WorkerSource = string | URL | (() => Worker);

export interface BrowserVmOptions extends VmOptions {
  /**
   * Where the files of the package vm9-guest-images are, if `kernel` and `initrd` do not replace both. Default: in the
   * folder `images` beside this module.
   */
  readonly image?: ImageSources;
  /** The worker, where a bundler cannot find `browser-worker.js` beside this module: the package exports `vm9/worker`. */
  readonly worker?: WorkerSource;
  /** The worker of WASI programs, likewise: `browser-wasi-worker.js`, which is `vm9/wasi-worker`. */
  readonly wasiWorker?: WorkerSource;
}

class BrowserWorker<To, From> implements WorkerHandle<To, From> {
  readonly #worker: Worker;

  constructor(source: WorkerSource | undefined, startDefault: () => Worker) {
    this.#worker = startWorker(source ?? startDefault);
  }

  post(message: To, transfer: readonly TransferablePort[] = []): void {
    this.#worker.postMessage(message, [...(transfer as readonly MessagePort[])]);
  }

  onMessage(listener: (message: From) => void): void {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<From>) => listener(data));
    this.#worker.addEventListener('messageerror', () => {
      throw new VmError('internal', 'a message of the worker cannot be read');
    });
  }

  onFailure(listener: (error: Error) => void): void {
    this.#worker.addEventListener('error', (event) => {
      // A script that cannot be loaded is a plain Event: it names nothing.
      const { message } = event as Partial<ErrorEvent>;
      listener(new Error(message ?? "its script cannot be loaded: the option 'worker' says where it is"));
    });
  }

  setAwaited(): void {
    // A page lives as long as its user wants.
  }

  terminate(): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}

// Written out as bundlers look for them. Beside this module when it is built.
const startMachine = (): Worker => new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module' });
const startProgram = (): Worker => new Worker(new URL('./browser-wasi-worker.js', import.meta.url), { type: 'module' });

function startWorker(source: WorkerSource): Worker {
  try {
    return typeof source === 'function' ? source() : new Worker(source, { type: 'module' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VmError('bad-option', `the worker cannot be started: ${reason}`, { cause });
  }
}

/** The platform of one VM. */
export function browserPlatform({ image, worker, wasiWorker, sharedMemory = true }: BrowserVmOptions): Platform {
  return {
    startWorker: () => new BrowserWorker<ToWorker, FromWorker>(worker, startMachine),
    startWasiWorker: () => new BrowserWorker<ToWasi, FromWasi>(wasiWorker, startProgram),
    makeChannel: (onMessage) => {
      const { port1, port2 } = new MessageChannel();
      return { end: openPort(port1, onMessage), port: port2 };
    },
    makePorts: () => {
      const { port1, port2 } = new MessageChannel();
      return { port: port1, peer: port2 };
    },
    loadGuestImage: (onLoading) => loadGuestImage(image, onLoading),
    randomFill: (bytes) => void crypto.getRandomValues(bytes),
    now: () => performance.now(),
    after,
    sharedMemory: sharedMemory && crossOriginIsolated,
  };
}
