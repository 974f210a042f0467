// A client of a share from outside the guest, in the worker that owns the share: a 9P server of its own over its port.
import type { Backend } from '../devices/9p/backend.ts';
import { Server } from '../devices/9p/server.ts';
import { GuestFault } from '../devices/guest-fault.ts';
import type { PortEnd } from './port.ts';
import { ReplySlot } from './reply-slot.ts';
import { ChangeFeed } from './share-changes.ts';
import type { ObservedBackend } from './share-observer.ts';
import type { FromShare, ToShare } from './share-protocol.ts';
import type { VmErrorCode } from './errors.ts';

export interface SessionOptions {
  readonly backend: Backend & Pick<ObservedBackend, 'observe'>;
  readonly readOnly: boolean;
  readonly maximumMessageSize: number;
  /** Where replies go, for a client that blocks its thread until they are there. */
  readonly replies?: SharedArrayBuffer;
  /** The client has gone away, or broke the rules of the protocol. */
  readonly onEnd: (session: ShareSession) => void;
  /** A mistake of ours. */
  readonly onFatal: (error: unknown) => void;
}

export class ShareSession {
  readonly #options: SessionOptions;
  readonly #server: Server;
  readonly #slot: ReplySlot | undefined;
  #feed: ChangeFeed | undefined;
  #port: PortEnd | undefined;
  #unwatch: (() => void) | undefined;
  #waiting = 0;

  constructor(options: SessionOptions) {
    const { backend, readOnly, maximumMessageSize, replies } = options;
    this.#options = options;
    this.#server = new Server({ backend, readOnly, maximumMessageSize });
    this.#slot = replies === undefined ? undefined : new ReplySlot(replies);
  }

  /** Requests that wait for the backend. */
  get waiting(): number {
    return this.#waiting;
  }

  connect(port: PortEnd): void {
    this.#port = port;
  }

  receive(message: ToShare): void {
    switch (message.type) {
      case 'request':
        this.#answer(message);
        break;
      case 'reset':
        this.#server.reset();
        break;
      case 'watch':
        this.#watch(message.on);
        break;
      case 'heard':
        this.#feed?.heard();
        break;
      case 'close':
        this.close();
    }
  }

  /** Ends the session; the client, if it is still there, hears why. */
  close(code: VmErrorCode = 'stopped', message = 'the share is no longer served'): void {
    if (this.#port === undefined) return;
    this.#unwatch?.();
    this.#server.reset();
    this.#slot?.close();
    this.#post({ type: 'gone', code, message });
    this.#port.close();
    this.#port = undefined;
    this.#options.onEnd(this);
  }

  #watch(on: boolean): void {
    this.#unwatch?.();
    this.#unwatch = this.#feed = undefined;
    if (!on) return;
    const feed = new ChangeFeed((changes) => this.#post({ type: 'changes', changes }));
    this.#feed = feed;
    this.#unwatch = this.#options.backend.observe((change) => feed.add(change));
  }

  #answer({ id, message, room }: Extract<ToShare, { type: 'request' }>): void {
    const writable = this.#slot?.room(room) ?? new Uint8Array(room);
    try {
      const length = this.#server.answer({ readable: [message], writable: [writable] });
      if (typeof length === 'number') this.#reply(id, writable, length);
      else void this.#answerLater(id, writable, length);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #answerLater(id: number, writable: Uint8Array, answered: Promise<number>): Promise<void> {
    this.#waiting++;
    try {
      this.#reply(id, writable, await answered);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#waiting--;
    }
  }

  #reply(id: number, writable: Uint8Array, length: number): void {
    if (this.#slot !== undefined) this.#slot.reply(length);
    else {
      const message = writable.subarray(0, length) as Uint8Array<ArrayBuffer>;
      this.#post({ type: 'reply', id, message }, [message.buffer]);
    }
  }

  /** A broken frame ends the session that it came from; anything else is a defect. */
  #fail(error: unknown): void {
    if (error instanceof GuestFault)
      this.close('internal', `a client of the share sent what is no 9P message: ${error.message}`);
    else this.#options.onFatal(error);
  }

  #post(message: FromShare, transfer?: readonly ArrayBuffer[]): void {
    this.#port?.post(message, transfer);
  }
}
