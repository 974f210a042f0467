// The browser's side of a machine's worker: clocks, randomness, unpacking, and its event loop.
import type { Bytes } from '../../devices/ports.ts';
import type { Host, Zlib } from '../host.ts';
import { isShared } from '../shared-memory.ts';
import { sleepBy, type Sleep } from '../sleep.ts';
import { gunzip } from './gunzip.ts';
import { after } from './timer.ts';

/** Bytes that getRandomValues gives at most in one call. */
const randomQuota = 65_536;

export class BrowserHost implements Host {
  readonly doorbell: Int32Array<ArrayBufferLike>;
  readonly canBlock: boolean;
  readonly #channel = new MessageChannel();
  #turned: (() => void)[] = [];

  constructor(doorbell: Int32Array<ArrayBufferLike>) {
    this.doorbell = doorbell;
    // A doorbell that nobody else can reach would never ring.
    this.canBlock = isShared(doorbell.buffer);
    this.#channel.port1.addEventListener('message', () => {
      const turned = this.#turned;
      this.#turned = [];
      for (const resolve of turned) resolve();
    });
    this.#channel.port1.start();
  }

  now(): number {
    return performance.now();
  }

  wallNanoseconds(): bigint {
    // Not performance's clock: that one stands still while the host sleeps.
    return BigInt(Date.now()) * 1_000_000n;
  }

  randomFill(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length; at += randomQuota) {
      crypto.getRandomValues(bytes.subarray(at, at + randomQuota));
    }
  }

  gunzip(bytes: Bytes): Promise<Bytes> {
    return gunzip(bytes);
  }

  zlib(): Promise<Zlib> {
    return import('./zlib.ts');
  }

  turn(): Promise<void> {
    // A message to oneself: a timer would take 4 ms once timers are nested.
    return new Promise((resolve) => {
      this.#turned.push(resolve);
      this.#channel.port2.postMessage(undefined);
    });
  }

  sleep(milliseconds: number): Sleep {
    return sleepBy(after, milliseconds);
  }
}
