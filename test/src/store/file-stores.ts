// Stores in files that can crash.
import { Errno } from '../../../devices/9p/errno.ts';
import { FileMedium } from '../../../src/store/file-medium.ts';
import { openStore } from '../../../src/store/stored-backend.ts';
import type { StoredBackend, StoreOptions } from '../../../src/store/stored-backend.ts';
import { Crash, FakeFile, Power } from './fake-file.ts';
import { ManualTimers } from './stores.ts';

export interface Files {
  readonly data: FakeFile;
  readonly logs: readonly [FakeFile, FakeFile];
}

export function freshFiles(power = new Power()): Files {
  return { data: new FakeFile(power), logs: [new FakeFile(power), new FakeFile(power)] };
}

/** The files, each changed by what happened to it. */
export function after({ data, logs: [one, other] }: Files, change: (file: FakeFile) => FakeFile): Files {
  return { data: change(data), logs: [change(one), change(other)] };
}

export async function mountFiles(
  files: Files,
  { dirtyLimit, ...options }: Partial<StoreOptions> & Pick<StoreOptions, 'now'> & { readonly dirtyLimit?: number },
): Promise<{ readonly store: StoredBackend; readonly timers: ManualTimers }> {
  const medium = new FileMedium({
    ...files,
    available: () => Promise.resolve(2 ** 40),
    asErrno: (error) => (error instanceof Crash ? error : new Errno('ENOSPC', String(error))),
    release: () => undefined,
    ...(dirtyLimit !== undefined && { dirtyLimit }),
  });
  const timers = new ManualTimers();
  const { after: later } = timers;
  const store = await openStore({ medium, after: later, log: () => undefined, snapshotAfter: 400, ...options });
  return { store, timers };
}
