// The transport of a client that blocks its thread until the reply is there, which the worker that owns the share writes
// into memory of both.
import type { Transport } from '../../devices/9p/client.ts';
import { run, type Coroutine } from '../../devices/9p/coroutine.ts';
import { Errno } from '../../devices/9p/errno.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { PortEnd } from '../port.ts';
import { ReplySlot } from '../reply-slot.ts';
import type { ToShare } from '../share-protocol.ts';

export interface BlockingWiring {
  readonly port: PortEnd;
  /** To be rung after a message was posted to the owner. */
  readonly doorbell: Int32Array<ArrayBufferLike>;
  readonly replies: SharedArrayBuffer;
}

export class BlockingTransport implements Transport {
  readonly #wiring: BlockingWiring;
  readonly #slot: ReplySlot;
  #lastId = 0;

  constructor(wiring: BlockingWiring) {
    this.#wiring = wiring;
    this.#slot = new ReplySlot(wiring.replies);
  }

  request(message: Uint8Array<ArrayBuffer>, room: number): Bytes {
    const { port, doorbell } = this.#wiring;
    this.#slot.expect();
    const request: ToShare = { type: 'request', id: ++this.#lastId, message, room };
    port.post(request, [message.buffer]);
    Atomics.add(doorbell, 0, 1);
    Atomics.notify(doorbell, 0);
    const reply = this.#slot.wait();
    if (reply === undefined) throw new Errno('EIO', 'the share is no longer served');
    return reply;
  }
}

/** The result of what goes through a blocking transport, which never has to be waited for. */
export function atOnce<R>(coroutine: Coroutine<R>): R {
  const result = run(coroutine);
  if (result instanceof Promise) throw new Error('a blocking transport answers at once');
  return result;
}
