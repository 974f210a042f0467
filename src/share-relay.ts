// A share of another VM, in the worker whose guest uses it: hands the guest's messages on to the worker that owns the share.
import { errnoOf, replyRoom } from '../devices/9p/client.ts';
import { decodeMessage, encodeMessage, type DecodedMessage } from '../devices/9p/client-message.ts';
import { Errno, errnos } from '../devices/9p/errno.ts';
import { formatByType, headerLength, payloadHeaderLength, type RequestName } from '../devices/9p/messages.ts';
import type { Exchange } from '../devices/9p/request.ts';
import { gather, scatter, totalLength } from '../devices/9p/scatter.ts';
import type { P9Event, Statistics } from '../devices/9p/trace.ts';
import { GuestFault } from '../devices/guest-fault.ts';
import type { PortEnd } from './port.ts';
import type { FromShare, ToShare } from './share-protocol.ts';
import type { MachineServer } from './worker-machine.ts';

/** Where the count of Tread and Treaddir is: behind header, fid and offset. */
const countOffset = headerLength + 4 + 8;

interface Waiting {
  readonly exchange: Exchange;
  readonly message: Uint8Array<ArrayBuffer>;
  /** Undefined unless somebody listens to events. */
  readonly arrival: number | undefined;
  readonly resolve: (length: number) => void;
}

export interface RelayWiring {
  readonly port: PortEnd;
  /** To be rung after a message was posted to the owner. */
  readonly doorbell: Int32Array<ArrayBufferLike>;
  /** Milliseconds. */
  readonly now: () => number;
}

export class ShareRelay implements MachineServer {
  onEvent: ((event: P9Event) => void) | undefined;
  readonly statistics: Statistics = { requests: 0, bytesIn: 0, bytesOut: 0, errors: 0, flushed: 0 };
  readonly #wiring: RelayWiring;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #gone = false;

  constructor(wiring: RelayWiring) {
    this.#wiring = wiring;
  }

  /** As the server's, but that the result is never there at once. */
  answer(exchange: Exchange): Promise<number> {
    const { readable, writable } = exchange;
    const size = totalLength(readable);
    if (size < headerLength) throw new GuestFault('9P message shorter than its header', { length: size });
    const room = totalLength(writable);
    if (room < payloadHeaderLength) throw new GuestFault('no room for a 9P reply', { length: room });
    const message = new Uint8Array(size);
    gather(readable, 0, size, message, 0);
    const view = new DataView(message.buffer);
    const declared = view.getUint32(0, true);
    if (declared !== size) throw new GuestFault('9P size field is not the length', { size: declared, length: size });
    this.statistics.requests++;
    this.statistics.bytesIn += size;
    const arrival = this.onEvent === undefined ? undefined : this.#wiring.now();
    return new Promise((resolve) => {
      const waiting = {
        exchange,
        message: arrival === undefined ? message.slice(0, headerLength) : message.slice(),
        arrival,
        resolve,
      };
      if (this.#gone) {
        this.#unreachable(waiting);
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, waiting);
      const name = formatByType[message[4] ?? 0]?.name as RequestName | undefined;
      const asked = size >= countOffset + 4 ? view.getUint32(countOffset, true) : 0;
      this.#post({ type: 'request', id, message, room: Math.min(room, replyRoom(name, asked)) }, [message.buffer]);
    });
  }

  reset(): void {
    this.#post({ type: 'reset' });
    for (const waiting of this.#waiting.values()) this.#finish(waiting, new Uint8Array());
    this.#waiting.clear();
  }

  receive(message: FromShare): void {
    if (message.type === 'gone') this.disconnect();
    if (message.type !== 'reply') return;
    const waiting = this.#waiting.get(message.id);
    // A reply to an earlier session is nobody's.
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    this.#finish(waiting, message.message);
  }

  /** The owner is gone: every request, those under way too, is EIO from now on. */
  disconnect(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#wiring.port.close();
    for (const waiting of this.#waiting.values()) this.#unreachable(waiting);
    this.#waiting.clear();
  }

  #unreachable(waiting: Waiting): void {
    const tag = new DataView(waiting.message.buffer).getUint16(5, true);
    this.#finish(waiting, encodeMessage('Rlerror', tag, { ecode: errnos.EIO }));
  }

  #finish(waiting: Waiting, reply: Uint8Array<ArrayBuffer>): void {
    const { exchange, resolve } = waiting;
    scatter(reply, reply.length, exchange.writable, 0);
    this.statistics.bytesOut += reply.length;
    if (reply.length === 0) this.statistics.flushed++;
    const answer = reply.length === 0 ? undefined : decoded(reply);
    const error = answer?.name === 'Rlerror' ? errnoOf(answer.body['ecode'] as number).code : undefined;
    if (error !== undefined) this.statistics.errors++;
    if (this.onEvent !== undefined && waiting.arrival !== undefined) {
      const request = decoded(waiting.message);
      this.onEvent({
        tag: new DataView(waiting.message.buffer).getUint16(5, true),
        head: exchange.head,
        type: request?.name ?? formatByType[waiting.message[4] ?? 0]?.name ?? `type ${waiting.message[4]}`,
        request: request?.body,
        reply: error === undefined ? answer?.body : undefined,
        error: reply.length === 0 ? 'flushed' : error,
        size: waiting.message.length,
        replySize: reply.length,
        latency: this.#wiring.now() - waiting.arrival,
      });
    }
    resolve(reply.length);
  }

  #post(message: ToShare, transfer?: readonly ArrayBuffer[]): void {
    if (this.#gone) return;
    this.#wiring.port.post(message, transfer);
    Atomics.add(this.#wiring.doorbell, 0, 1);
    Atomics.notify(this.#wiring.doorbell, 0);
  }
}

/** Undefined for what no table describes: the owner has refused it. */
function decoded(message: Uint8Array<ArrayBuffer>): DecodedMessage | undefined {
  if (formatByType[message[4] ?? 0] === undefined) return undefined;
  try {
    return decodeMessage(message);
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}
