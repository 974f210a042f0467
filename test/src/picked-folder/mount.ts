// A picked folder as tests use it: a backend over the fake host, with a record store and a log that outlive it.
import { PickedFolderBackend } from '../../../src/browser/picked-folder/backend.ts';
import type { Records, RecordStore } from '../../../src/browser/picked-folder/records.ts';
import type { Harness } from '../../backend-suite.ts';
import { Guest } from '../../backend-suite/guest.ts';
import { FakeHost } from './fake-host.ts';
import type { FakeHostOptions } from './fake-host.ts';

/** Records that stay as long as the object. */
export class MemoryRecords implements RecordStore {
  records: Records[] = [];
  /** Thrown by the next calls. */
  failure: Error | undefined;

  async load(): Promise<readonly Records[]> {
    await Promise.resolve();
    return structuredClone(this.records);
  }

  async append(records: Records): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.records.push(structuredClone(records));
  }

  async replace(records: Records): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.records = [structuredClone(records)];
  }

  close(): void {
    // Memory goes with the object.
  }
}

export const capabilities = {
  timeTolerance: 0n,
  chown: true,
  specials: true,
  setIds: true,
  exchange: false,
  changesOrphans: true,
  xattrs: true,
};

export interface Mounted {
  readonly backend: PickedFolderBackend;
  readonly guest: Guest;
  readonly host: FakeHost;
  readonly records: MemoryRecords;
  readonly log: string[];
  /** Gives everything back and closes. */
  leave(): Promise<void>;
  /** Leaves, and mounts again. */
  again(): Promise<Mounted>;
}

export interface MountOptions {
  readonly readOnly?: boolean;
  readonly records?: MemoryRecords;
  /** Whether the browser tells of changes. */
  readonly observed?: boolean;
}

export async function mount(
  host: FakeHost = new FakeHost(),
  { readOnly = false, records = new MemoryRecords(), observed = false }: MountOptions = {},
): Promise<Mounted> {
  const log: string[] = [];
  const backend = await PickedFolderBackend.open(host.handle(), {
    records,
    readOnly,
    now: () => BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
    clock: () => performance.now(),
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    log: (line) => log.push(line),
    observe: observed
      ? (_folder, listener) => Promise.resolve(host.observe(listener))
      : () => Promise.resolve(undefined),
  });
  const guest = new Guest(backend);
  const leave = async (): Promise<void> => {
    await guest.leave();
    await backend.close();
  };
  const again = async (): Promise<Mounted> => {
    await leave();
    return mount(host, { readOnly, records, observed });
  };
  return { backend, guest, host, records, log, leave, again };
}

export async function harness(options: FakeHostOptions = {}): Promise<Harness> {
  const { backend } = await mount(new FakeHost(options));
  return { backend, handles: () => backend.handleCount, dispose: () => backend.close() };
}
