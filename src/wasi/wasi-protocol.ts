// What the main thread and the worker of a WASI program tell each other.
import type { Bytes } from '../../devices/ports.ts';
import type { TransferablePort } from '../port.ts';

/** A folder of a share, as the program has it. */
export interface PreopenSetup {
  /** What the program calls it. */
  readonly name: string;
  /** Which of the shares, by its place in the setup. */
  readonly share: number;
  /** The folder in the share. */
  readonly path: string;
}

/** A way to a share: what a lease is. */
export interface ShareSetup {
  readonly port: TransferablePort;
  readonly doorbell: Int32Array<ArrayBufferLike>;
  readonly replies: SharedArrayBuffer;
}

export interface WasiSetup {
  readonly program: Bytes;
  /** The program's name among them. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Bytes;
  readonly shares: readonly ShareSetup[];
  readonly preopens: readonly PreopenSetup[];
  /** Bytes of a message at most. */
  readonly messageSize: number;
  /** One element: bytes of output that were taken. */
  readonly taken: Int32Array<SharedArrayBuffer>;
}

export type ToWasi = { readonly type: 'run'; readonly setup: WasiSetup };

export type FromWasi =
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'exit'; readonly code: number }
  /** The program cannot be run, or did what WebAssembly forbids. */
  | { readonly type: 'failed'; readonly code: 'bad-file' | 'trap' | 'internal'; readonly message: string };
