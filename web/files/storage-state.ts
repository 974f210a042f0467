// How full the browser's storage is, and whether the browser may clear it by itself.
import { signal } from '@preact/signals';

export interface StorageState {
  readonly usage: number;
  readonly quota: number;
  readonly persistent: boolean;
}

/** Milliseconds between two looks. */
const interval = 5000;

export class StorageWatch {
  /** Undefined where the browser does not tell. */
  readonly state = signal<StorageState | undefined>(undefined);

  start(): void {
    void this.#look();
    setInterval(() => {
      if (document.visibilityState === 'visible') void this.#look();
    }, interval);
  }

  /** Asks the browser to keep what is stored until the user removes it. Resolves with whether it will. */
  async persist(): Promise<boolean> {
    const kept = (await navigator.storage?.persist?.()) ?? false;
    await this.#look();
    return kept;
  }

  async #look(): Promise<void> {
    // Without a secure context there is no storage manager.
    if (navigator.storage?.estimate === undefined) return;
    const [{ usage = 0, quota = 0 }, persistent] = await Promise.all([
      navigator.storage.estimate(),
      navigator.storage.persisted(),
    ]);
    this.state.value = { usage, quota, persistent };
  }
}
