// VIRTIO 1.3 reserves device ID 9 for the 9P transport and leaves the rest to its drivers: one queue of T-messages with
// room for their R-messages, a mount tag in the configuration space. Written against Linux's net/9p as the driver.
import { GuestFault } from '../guest-fault.ts';
import type { Bytes } from '../ports.ts';
import type { Chain } from './chain.ts';
import { VirtioDevice } from './device.ts';
import type { VirtioDeviceOptions } from './device.ts';
import type { Queue } from './queue.ts';

/** One request: where its T-message is, and where its R-message goes, both scattered over guest RAM. */
export interface NinePExchange {
  readonly readable: readonly Bytes[];
  readonly writable: readonly Bytes[];
  /** Index of the first descriptor: what ties the server's events to those of the queue. */
  readonly head: number;
}

/** What the device needs of a 9P server. */
export interface NinePServer {
  /**
   * Writes the reply into `writable`, in order, and returns its length in bytes: at once when it can, else as a promise.
   * 0 stands for a request that was flushed: nothing was written. Throws or rejects with GuestFault when the framing is
   * broken. Any other exception is a mistake of the server's.
   */
  answer(exchange: NinePExchange): number | Promise<number>;
  /** Requests that are not answered yet, and how many of them can as well be asked anew. */
  readonly waiting?: number;
  readonly repeatable?: number;
  /** The client is gone: cancels all that is outstanding, drops its fids, and never touches an old exchange again. */
  reset(): void;
}

export interface Virtio9pOptions extends VirtioDeviceOptions {
  /** What the guest names in `mount -t 9p TAG`: 1 to 255 bytes as UTF-8. */
  readonly tag: string;
  readonly server: NinePServer;
  /** Receives an exception that is a mistake of ours, from a request that was being answered asynchronously. */
  readonly onFatal: (error: unknown) => void;
}

const deviceId = 9;
/** VIRTIO_9P_MOUNT_TAG: the configuration space holds a tag. */
const mountTag = 1n << 0n;
/** A full request of msize 512,000 in pages takes 128 descriptors, where the driver has no indirect ones: room for two. */
const queueSize = 256;
/** size[4] Rlerror tag[2] ecode[4]; also an Rread of 0 bytes. */
const rlerrorLength = 11;

/** The virtio-9p device: carries T-messages to a server and R-messages back. */
export class Virtio9p extends VirtioDevice {
  readonly #server: NinePServer;
  readonly #onFatal: (error: unknown) => void;

  constructor(options: Virtio9pOptions) {
    super(options, {
      name: `virtio-9p ${options.tag}`,
      id: deviceId,
      features: mountTag,
      queueSizes: [queueSize],
      configuration: encodeTag(options.tag),
    });
    this.#server = options.server;
    this.#onFatal = options.onFatal;
  }

  override get unrepeatable(): number {
    const { waiting = 0, repeatable = 0 } = this.#server;
    return Math.max(this.outstanding, waiting) - repeatable;
  }

  /** A request, from the available ring to the used ring. */
  protected override serve(queue: Queue): void {
    do {
      const chain = queue.pop();
      if (chain === undefined) return;
      const reply = this.#server.answer(chain);
      if (typeof reply === 'number') queue.push(chain, reply, touched(chain, reply));
      else void this.#completeLater(queue, chain, reply);
    } while (!this.timeIsUp(queue));
  }

  protected override onStop(): void {
    this.#server.reset();
  }

  async #completeLater(queue: Queue, chain: Chain, reply: Promise<number>): Promise<void> {
    try {
      const length = await reply;
      this.complete(queue, chain, length, touched(chain, length));
    } catch (error) {
      if (!(error instanceof GuestFault)) this.#onFatal(error);
      // The fault of a driver that has reset the device since is none of the present driver's.
      else if (queue.holds(chain)) this.fail(error);
    }
  }
}

/**
 * How much of the writable part a reply may have overwritten. A transfer that was flushed, or ended in an error, may have
 * written file data anywhere in it before; every other reply is as long as what was written.
 */
function touched(chain: Chain, length: number): number {
  return length <= rlerrorLength ? chain.writableLength : length;
}

/** struct virtio_9p_config: le16 tag_len, then the tag without a NUL. */
function encodeTag(tag: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(tag);
  if (bytes.length === 0 || bytes.length > 255 || bytes.includes(0)) {
    throw new RangeError(`mount tag ${JSON.stringify(tag)} has to be 1 to 255 bytes without NUL`);
  }
  const configuration = new Uint8Array(2 + bytes.length);
  configuration[0] = bytes.length;
  configuration.set(bytes, 2);
  return configuration;
}
