// The 9P device of v86, in a machine that does not run.
import type { Exchange } from '../../devices/9p/request.ts';
import { gather, scatter, totalLength } from '../../devices/9p/scatter.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { Side } from './side.ts';
import { loadEmulator, type Emulator } from './v86-package.ts';

/** The buffers of a request, as v86's device sees them. */
interface Chain {
  readonly length_readable: number;
  get_next_blob(into: Bytes): number;
  set_next_blob(from: Bytes): number;
}

/** What is used of v86's 9P device. */
interface Device {
  virtqueue: { push_reply(chain: Chain): void; flush_replies(): void };
  ReceiveRequest(chain: Chain): Promise<void>;
}

interface WithDevice extends Emulator {
  readonly v86: { readonly cpu: { readonly devices: { readonly virtio_9p: Device } } };
}

/** The device without its virtqueue: bytes come from an exchange, and go there. */
function withoutQueue(device: Device): Side {
  device.virtqueue = { push_reply: () => undefined, flush_replies: () => undefined };
  class Buffers implements Chain {
    readonly length_readable: number;
    readonly #exchange: Exchange;

    constructor(exchange: Exchange) {
      this.#exchange = exchange;
      this.length_readable = totalLength(exchange.readable);
    }

    get_next_blob(into: Bytes): number {
      gather(this.#exchange.readable, 0, into.length, into, 0);
      return into.length;
    }

    set_next_blob(from: Bytes): number {
      side.length = from.length;
      scatter(from, from.length, this.#exchange.writable, 0);
      return from.length;
    }
  }
  const side: Side = {
    length: 0,
    send(exchange) {
      side.length = 0;
      const sent = device.ReceiveRequest(new Buffers(exchange));
      // Most answers are there at once, and the machine, to which the device tells so, waits for no promise either.
      return side.length > 0 ? undefined : sent;
    },
  };
  return side;
}

/** The device of a machine with an empty share; `folder` is where npm has put v86. */
export async function loadV86(folder: string): Promise<Side> {
  const emulator = await loadEmulator<WithDevice>(folder, { autostart: false, memory_size: 2 ** 25 });
  return withoutQueue(emulator.v86.cpu.devices.virtio_9p);
}
