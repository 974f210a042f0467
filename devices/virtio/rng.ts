// VIRTIO 1.3, §5.4: the entropy device.
import { GuestFault } from '../guest-fault.ts';
import { VirtioDevice } from './device.ts';
import type { VirtioDeviceOptions } from './device.ts';
import type { Queue } from './queue.ts';

export interface VirtioRngOptions extends VirtioDeviceOptions {
  /**
   * Fills all of `bytes` (at most 4,096, never guest RAM) with randomness fit for keys: what a host's getRandomValues
   * takes, which refuses shared memory and more than 65,536 bytes at once.
   */
  readonly fill: (bytes: Uint8Array<ArrayBuffer>) => void;
}

const deviceId = 4;
const queueSize = 128;
// §5.4.6.2: less than the whole buffer is allowed, so that no driver can ask for minutes of work at once.
const mostBytes = 4096;

/** The entropy device: fills the driver's buffers with random bytes. */
export class VirtioRng extends VirtioDevice {
  readonly #fill: (bytes: Uint8Array<ArrayBuffer>) => void;

  constructor(options: VirtioRngOptions) {
    super(options, {
      name: 'virtio-rng',
      id: deviceId,
      features: 0n,
      queueSizes: [queueSize],
      configuration: new Uint8Array(0),
    });
    this.#fill = options.fill;
  }

  protected override serve(queue: Queue): void {
    do {
      const chain = queue.pop();
      if (chain === undefined) return;
      // §5.4.6.1: a driver must not place device-readable buffers into the queue.
      if (chain.readableLength > 0) throw new GuestFault('readable buffer in the entropy queue', { head: chain.head });
      const bytes = new Uint8Array(Math.min(chain.writableLength, mostBytes));
      this.#fill(bytes);
      queue.push(chain, chain.write(bytes));
    } while (!this.timeIsUp(queue));
  }

  protected override onStop(): void {
    // Every request is answered within the notification that brought it: there is nothing to let go of.
  }
}
