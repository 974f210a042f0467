// A share that belongs to another VM, as the source of one of this VM's: two guests see one folder.
import type { Platform } from './platform.ts';
import type { TransferablePort } from './port.ts';
import type { ShareChange } from './share-changes.ts';
import type { OpenFiles } from './share-files.ts';
import type { ShareSource } from './vm-options.ts';
import type { WorkerHold, WorkerThread } from './worker-thread.ts';
import type { VmError } from './errors.ts';

/** The kind of a share whose messages go to another worker. */
export const vmShareKind = 'vm';

/** A way to a share of another VM; the VM's worker stays for it. */
export interface ShareLease {
  /** To be transferred to the worker whose guest uses the share. */
  readonly port: TransferablePort;
  /** To be rung after a message was posted. */
  readonly doorbell: Int32Array<ArrayBufferLike>;
  /** Calls `listener` when the owner is gone. */
  onGone(listener: (error: VmError) => void): void;
  release(): Promise<void>;
}

/** What the VM that owns a share does for others. */
export interface ShareOwner {
  /** `replies` is for a client that blocks its thread. */
  lease(readOnly: boolean, replies?: SharedArrayBuffer): Promise<ShareLease>;
  connect(readOnly: boolean, onChange: (change: ShareChange) => void): Promise<OpenFiles>;
}

export class VmShareSource implements ShareSource {
  readonly kind = vmShareKind;
  readonly name: string;
  readonly #owner: ShareOwner;

  constructor(name: string, owner: ShareOwner) {
    this.name = name;
    this.#owner = owner;
  }

  /** Rejects with VmError 'stopped' where the VM was disposed of. */
  lease(readOnly: boolean, replies?: SharedArrayBuffer): Promise<ShareLease> {
    return this.#owner.lease(readOnly, replies);
  }

  connect(readOnly: boolean, onChange: (change: ShareChange) => void): Promise<OpenFiles> {
    return this.#owner.connect(readOnly, onChange);
  }
}

let lastLease = 0;

/** Leases a share of a worker out; `replies` is for a client that blocks its thread. */
export function leaseShare(
  platform: Platform,
  hold: WorkerHold,
  options: { readonly tag: string; readonly readOnly: boolean; readonly replies?: SharedArrayBuffer },
): ShareLease {
  const { thread } = hold;
  const { port, peer } = platform.makePorts();
  const id = ++lastLease;
  thread.post({ type: 'attach', id, port, ...options }, [port]);
  return {
    port: peer,
    doorbell: thread.doorbell,
    onGone: (listener) => void thread.onGone(listener),
    release: () => {
      thread.post({ type: 'detach', id });
      return hold.release();
    },
  };
}

/** Connects a worker to the owner of a share. Never rejects: a share that cannot be reached is told of by the worker. */
export async function connectShare(
  thread: WorkerThread,
  tag: string,
  readOnly: boolean,
  source: VmShareSource,
): Promise<void> {
  try {
    const lease = await source.lease(readOnly);
    const { port, doorbell } = lease;
    thread.post({ type: 'connect', tag, port, doorbell }, [port]);
    lease.onGone(() => thread.post({ type: 'disconnect', tag }));
    // What the owner could not store is told where that is disposed of.
    thread.onGone(() => void lease.release().catch(() => undefined));
  } catch (error) {
    thread.post({ type: 'unreachable', tag, message: error instanceof Error ? error.message : String(error) });
  }
}
