// The shares that a worker owns: each opened once, when a machine or a client first needs it, and closed with the worker.
import type { Backend } from '../devices/9p/backend.ts';
import { Deferred } from './agent/deferred.ts';
import { VmError, asVmError } from './errors.ts';
import type { PortEnd, TransferablePort } from './port.ts';
import { ReplySlot } from './reply-slot.ts';
import { ObservedBackend } from './share-observer.ts';
import type { FromShare, ToShare } from './share-protocol.ts';
import { ShareRelay } from './share-relay.ts';
import { ShareSession } from './share-session.ts';
import type { ShareSource } from './vm-options.ts';
import { vmShareKind } from './vm-share.ts';
import type { WorkerMachineOptions } from './worker-machine.ts';
import type { ShareSetup, ToWorker } from './worker-protocol.ts';

export interface ShareTableOptions {
  readonly shares: readonly ShareSetup[];
  openBackend(source: ShareSource, options: { readonly readOnly: boolean }): Promise<Backend>;
  readonly openPort: (port: TransferablePort, onMessage: (message: never) => void) => PortEnd;
  /** Lets the event loop turn once more: to be called when a port was opened, which may have messages already. */
  readonly turnAgain: () => void;
  /** Milliseconds, for the latency of events. */
  readonly now: () => number;
  /** A mistake of ours. */
  readonly onFatal: (error: unknown) => void;
}

export class ShareTable {
  readonly #options: ShareTableOptions;
  readonly #open = new Map<ShareSetup, Promise<ObservedBackend>>();
  readonly #sessions = new Map<ShareSession, number | undefined>();
  /** Shares of other VMs, from when their owners are known. */
  readonly #relays = new Map<string, Deferred<ShareRelay>>();
  #closed = false;

  constructor(options: ShareTableOptions) {
    this.#options = options;
  }

  /** Whether a client waits for something that comes through the event loop. */
  get clientsWait(): boolean {
    for (const { waiting } of this.#sessions.keys()) if (waiting > 0) return true;
    return false;
  }

  /** All shares, for a machine. Throws VmError 'bad-file' where one cannot be opened. */
  async openAll(): Promise<WorkerMachineOptions['shares']> {
    const { shares } = this.#options;
    return Promise.all(
      shares.map(async (setup) => {
        const { source, ...options } = setup;
        const isLocal = source.kind !== vmShareKind;
        const files = isLocal ? await this.#backend(setup) : { relay: await this.#relay(options.tag).promise };
        return { ...options, files };
      }),
    );
  }

  /** Serves a share to a client until the client, or the table, closes the port. Never rejects: the client is told. */
  async attach({ tag, id, port, readOnly, replies }: Extract<ToWorker, { type: 'attach' }>): Promise<void> {
    const refuse = (message: FromShare): void => {
      if (replies !== undefined) new ReplySlot(replies).close();
      const end = this.#options.openPort(port, () => undefined);
      end.post(message);
      end.close();
    };
    const setup = this.#options.shares.find((share) => share.tag === tag);
    if (setup === undefined) throw new Error(`the worker owns no share "${tag}"`);
    try {
      const backend = await this.#backend(setup);
      const session: ShareSession = new ShareSession({
        backend,
        readOnly: setup.readOnly || (readOnly ?? false),
        maximumMessageSize: setup.maximumMessageSize,
        ...(replies !== undefined && { replies }),
        onEnd: () => this.#sessions.delete(session),
        onFatal: this.#options.onFatal,
      });
      this.#sessions.set(session, id);
      session.connect(this.#options.openPort(port, (message: ToShare) => session.receive(message)));
      this.#options.turnAgain();
    } catch (error) {
      const { code, message } = asVmError(error);
      refuse({ type: 'gone', code, message });
    }
  }

  /** Ends the session of a client that is gone. */
  detach(id: number): void {
    for (const [session, own] of this.#sessions) if (own === id) session.close();
  }

  /** The owner of a share of another VM is known. */
  connect({ tag, port, doorbell }: Extract<ToWorker, { type: 'connect' }>): void {
    const relay: ShareRelay = new ShareRelay({
      port: this.#options.openPort(port, (message: FromShare) => relay.receive(message)),
      doorbell,
      now: this.#options.now,
    });
    this.#relay(tag).resolve(relay);
  }

  /** There is no owner. */
  unreachable(tag: string, message: string): void {
    this.#relay(tag).reject(new VmError('bad-file', `share "${tag}" of another VM: ${message}`));
  }

  /** The owner of a share of another VM is gone. */
  disconnect(tag: string): void {
    // One that never was there was told of where it was asked for.
    this.#relay(tag).promise.then(
      (relay) => relay.disconnect(),
      () => undefined,
    );
  }

  /** Ends what the clients do, and closes the shares. Rejects with the first error after all have been tried. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const session of this.#sessions.keys()) session.close();
    const closing = [...this.#open.values()].map(async (opening) => {
      // One that could not be opened was told of where it was asked for.
      const backend = await opening.catch(() => undefined);
      await backend?.close();
    });
    this.#open.clear();
    const failure = (await Promise.allSettled(closing)).find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') throw failure.reason;
  }

  #relay(tag: string): Deferred<ShareRelay> {
    let relay = this.#relays.get(tag);
    if (relay === undefined) this.#relays.set(tag, (relay = new Deferred()));
    return relay;
  }

  #backend(setup: ShareSetup): Promise<ObservedBackend> {
    if (this.#closed) return Promise.reject(new Error('the shares are closed'));
    const open = this.#open.get(setup);
    if (open !== undefined) return open;
    const opening = this.#options
      .openBackend(setup.source, { readOnly: setup.readOnly })
      .then((backend) => new ObservedBackend(backend));
    this.#open.set(setup, opening);
    // Another try may find it free.
    opening.catch(() => this.#open.delete(setup));
    return opening;
  }
}
