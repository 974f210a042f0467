// What the main-thread side of a VM needs of the place it runs in. Node.js and the browser each bring one.
import type { Bytes } from '../devices/ports.ts';
import type { PortEnd, TransferablePort } from './port.ts';
import type { FromShare } from './share-protocol.ts';
import type { FromWasi, ToWasi } from './wasi/wasi-protocol.ts';
import type { Sections } from './snapshot/container.ts';
import type { Filling } from './snapshot/fill-ahead.ts';
import type { FromWorker, MachineSetup, ToWorker } from './worker-protocol.ts';

/** A thread that runs `serveVm` of src/worker.ts, or a WASI program, as the thread that started it sees it. */
export interface WorkerHandle<To = ToWorker, From = FromWorker> {
  post(message: To, transfer?: readonly TransferablePort[]): void;
  onMessage(listener: (message: From) => void): void;
  /** Called once if the thread dies without having been terminated. */
  onFailure(listener: (error: Error) => void): void;
  /** Whether somebody waits for the thread: otherwise it does not keep a process alive that has nothing else to do. */
  setAwaited(awaited: boolean): void;
  /** Ends the thread. Resolves when nothing of it is left. */
  terminate(): Promise<void>;
}

/** A kernel (raw or compressed) and the initial file system for it. */
export interface GuestImage {
  readonly kernel: Bytes;
  readonly initrd: Bytes;
}

/** Bytes that have come so far, of how many: undefined where the host does not tell. */
export type OnLoading = (loaded: number, total: number | undefined) => void;

export interface Platform {
  startWorker(): WorkerHandle;
  /** Starts a thread for one WASI program (src/wasi/program.ts). */
  startWasiWorker(): WorkerHandle<ToWasi, FromWasi>;
  /** Makes a channel: an end in this thread, which keeps no process alive, and a port to be transferred to another. */
  makeChannel(onMessage: (message: FromShare) => void): { readonly end: PortEnd; readonly port: TransferablePort };
  /** Makes a channel between two other threads. */
  makePorts(): { readonly port: TransferablePort; readonly peer: TransferablePort };
  /** The image that is booted where the options name none. Calls `onLoading` again and again where that takes time. */
  loadGuestImage(onLoading: OnLoading): Promise<GuestImage>;
  /** Fills with randomness fit for keys: at most 65,536 bytes. */
  randomFill(bytes: Uint8Array<ArrayBuffer>): void;
  /** Milliseconds of a monotonic clock, with fractions. */
  now(): number;
  /** Calls back after `milliseconds`, unless the returned function is called before. */
  after(milliseconds: number, callback: () => void): () => void;
  /**
   * Makes memory and fills it from a snapshot, where this thread has nothing else to do while the machine's starts. Memory must be
   * shared then.
   */
  readonly fillAhead?: (file: Sections, memoryBytes: number) => Promise<Filling>;
  /** The interpreter of a machine, likewise. */
  readonly makeInterpreter?: (setup: MachineSetup) => Promise<Uint8Array<ArrayBuffer>>;
  /** Whether memory can be shared with the worker: without it doorbells are messages. */
  readonly sharedMemory: boolean;
}
