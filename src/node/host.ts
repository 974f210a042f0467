// The Node.js side of a machine's worker thread: clocks, randomness, unpacking, and its event loop.
import { randomFillSync } from 'node:crypto';
import type { Bytes } from '../../devices/ports.ts';
import type { Host, Zlib } from '../host.ts';
import { isShared } from '../shared-memory.ts';
import { sleepBy, type Sleep } from '../sleep.ts';
import { after } from './timer.ts';

export class NodeHost implements Host {
  readonly doorbell: Int32Array<ArrayBufferLike>;
  readonly canBlock: boolean;

  constructor(doorbell: Int32Array<ArrayBufferLike>) {
    this.doorbell = doorbell;
    // A doorbell that nobody else can reach would never ring.
    this.canBlock = isShared(doorbell.buffer);
  }

  now(): number {
    return performance.now();
  }

  wallNanoseconds(): bigint {
    // Not performance's clock: that one stands still while the host sleeps.
    return BigInt(Date.now()) * 1_000_000n;
  }

  randomFill(bytes: Uint8Array<ArrayBuffer>): void {
    randomFillSync(bytes);
  }

  async gunzip(bytes: Bytes): Promise<Bytes> {
    // Our own images come unpacked, and a worker is there sooner without.
    const { gunzipSync } = await import('node:zlib');
    return gunzipSync(bytes);
  }

  zlib(): Promise<Zlib> {
    return import('./zlib.ts');
  }

  turn(): Promise<void> {
    // Immediates run after the poll phase, which delivers messages and completions.
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  // The worker's port keeps the thread alive where there is no deadline.
  sleep(milliseconds: number): Sleep {
    return sleepBy(after, milliseconds);
  }
}
