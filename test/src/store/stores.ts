// Stores on a medium in memory, mounted as often as a test wants.
import { openStore } from '../../../src/store/stored-backend.ts';
import type { StoredBackend, StoreOptions } from '../../../src/store/stored-backend.ts';
import { risingClock } from '../../devices/9p/backends.ts';
import { FakeMedium } from './fake-medium.ts';
import type { Disk, FakeOptions } from './fake-medium.ts';

/** Timers that a test fires itself. */
export class ManualTimers {
  readonly due: { milliseconds: number; callback: () => void }[] = [];

  readonly after = (milliseconds: number, callback: () => void): (() => void) => {
    const timer = { milliseconds, callback };
    this.due.push(timer);
    return () => {
      const index = this.due.indexOf(timer);
      if (index >= 0) this.due.splice(index, 1);
    };
  };

  fire(): void {
    for (const { callback } of this.due.splice(0)) callback();
  }
}

export interface Mounted {
  readonly store: StoredBackend;
  readonly medium: FakeMedium;
  readonly timers: ManualTimers;
  readonly logged: string[];
}

export async function mount(
  disk: Disk,
  options: FakeOptions & Partial<Pick<StoreOptions, 'snapshotAfter' | 'now'>> = {
    slow: true,
  },
): Promise<Mounted> {
  const medium = new FakeMedium(disk, options);
  const timers = new ManualTimers();
  const logged: string[] = [];
  const { snapshotAfter, now } = options;
  const store = await openStore({
    medium,
    now: now ?? risingClock(),
    after: timers.after,
    log: (message) => logged.push(message),
    ...(snapshotAfter !== undefined && { snapshotAfter }),
  });
  return { store, medium, timers, logged };
}
