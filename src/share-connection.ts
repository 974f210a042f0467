// A client's connection to a share, in the main thread: a 9P client over a port to the worker that owns the share.
import { Client, type Transport } from '../devices/9p/client.ts';
import { Files } from '../devices/9p/client-files.ts';
import { run } from '../devices/9p/coroutine.ts';
import type { Bytes } from '../devices/ports.ts';
import { Deferred } from './agent/deferred.ts';
import { VmError } from './errors.ts';
import type { Platform } from './platform.ts';
import type { PortEnd } from './port.ts';
import type { ShareChange } from './share-changes.ts';
import type { FromShare, ToShare } from './share-protocol.ts';
import type { WorkerHold } from './worker-thread.ts';

/** Milliseconds between two deliveries of changes: those in between are told together. */
const changesPause = 50;
/** Bytes of a message at most: as for a guest, what virtio carries at once. */
const messageSize = 512_000;

export interface ConnectionOptions {
  readonly tag: string;
  /** Nothing may be changed, whatever the share allows. */
  readonly readOnly: boolean;
  readonly onChange: (change: ShareChange) => void;
}

export class ShareConnection implements Transport {
  readonly #platform: Platform;
  readonly #hold: WorkerHold;
  readonly #port: PortEnd;
  readonly #pending = new Map<number, Deferred<Bytes>>();
  readonly #onChange: (change: ShareChange) => void;
  readonly #forgetThread: () => void;
  #lastId = 0;
  #gone: VmError | undefined;

  private constructor(platform: Platform, hold: WorkerHold, { tag, readOnly, onChange }: ConnectionOptions) {
    this.#platform = platform;
    this.#hold = hold;
    this.#onChange = onChange;
    const { end, port } = platform.makeChannel((message) => this.#receive(message));
    this.#port = end;
    this.#forgetThread = hold.thread.onGone((error) => this.#fail(error));
    hold.thread.post({ type: 'attach', tag, port, readOnly }, [port]);
  }

  /** Connects to a share of the worker, which is held until `close`. Rejects where the share cannot be opened. */
  static async open(
    platform: Platform,
    hold: WorkerHold,
    options: ConnectionOptions,
  ): Promise<{ readonly connection: ShareConnection; readonly files: Files }> {
    const connection = new ShareConnection(platform, hold, options);
    try {
      return { connection, files: new Files(await run(Client.connect(connection, messageSize))) };
    } catch (error) {
      await connection.close().catch(() => undefined);
      throw error;
    }
  }

  /** Whether it can still be used. */
  get isOpen(): boolean {
    return this.#gone === undefined;
  }

  request(message: Uint8Array<ArrayBuffer>, room: number): Promise<Bytes> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = ++this.#lastId;
    const answer = new Deferred<Bytes>();
    if (this.#pending.size === 0) this.#hold.thread.setAwaited(true);
    this.#pending.set(id, answer);
    this.#post({ type: 'request', id, message, room }, [message.buffer]);
    return answer.promise;
  }

  /** Whether changes of the share are told from now on. */
  watch(on: boolean): void {
    this.#post({ type: 'watch', on });
  }

  /** Ends the connection: what waits is rejected. Rejects where the worker was let go and a share could not be closed. */
  async close(error = new VmError('stopped', 'the files were closed')): Promise<void> {
    this.#post({ type: 'close' });
    this.#fail(error);
    await this.#hold.release();
  }

  #receive(message: FromShare): void {
    // What was under way when the port was closed still arrives.
    if (this.#gone !== undefined) return;
    switch (message.type) {
      case 'reply': {
        const answer = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        if (this.#pending.size === 0) this.#hold.thread.setAwaited(false);
        answer?.resolve(message.message);
        break;
      }
      case 'changes':
        for (const change of message.changes) this.#onChange(change);
        this.#platform.after(changesPause, () => this.#post({ type: 'heard' }));
        break;
      case 'gone':
        this.#fail(new VmError(message.code, message.message));
    }
  }

  #fail(error: VmError): void {
    if (this.#gone !== undefined) return;
    this.#gone = error;
    this.#forgetThread();
    if (this.#pending.size > 0) this.#hold.thread.setAwaited(false);
    for (const answer of this.#pending.values()) answer.reject(error);
    this.#pending.clear();
    this.#port.close();
  }

  #post(message: ToShare, transfer?: readonly ArrayBuffer[]): void {
    if (this.#gone !== undefined) return;
    this.#port.post(message, transfer);
    this.#hold.thread.ring();
  }
}
