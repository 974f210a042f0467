// Where machines are kept as they have booted (snapshot/instant-start.ts). Each host brings its own.
import type { Bytes } from '../devices/ports.ts';

/** All that a booted machine depends on. */
export interface BootedMachine {
  /** Undefined: the built-in one. */
  readonly kernel: Bytes | undefined;
  readonly initrd: Bytes | undefined;
  /** Of the options, and the version of what is in a snapshot: equal for equal machines. */
  readonly shape: string;
}

export interface StartCache {
  /** A name for the machine: by the contents of its images, its shape, and this program. */
  keyOf(machine: BootedMachine): Promise<string>;
  /** An initial file system without gzip; undefined where it is damaged. */
  unpack(initrd: Bytes): Promise<Bytes | undefined>;
  /** What was written under that key, seen to be as it was written; in a buffer of its own. Never rejects. */
  read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** What cannot be kept is not, and the cache tells why to whoever made it. Never rejects. */
  write(key: string, snapshot: Uint8Array<ArrayBuffer>): Promise<void>;
}
