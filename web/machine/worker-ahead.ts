// A machine's worker that is started before it is known what machine it runs: its scripts have come when that is. Meanwhile it
// reads the machine that is kept (src/browser/worker-ahead-entry.ts).
import { readBootedAhead, type AheadMessage, type BootedAhead } from 'vm9';

export class WorkerAhead {
  #ahead: Worker | undefined;

  /** Resolves with the machine that is kept in that cache. Rejects where it cannot be read. */
  beginToRead(cacheName: string): Promise<BootedAhead | undefined> {
    const worker = this.#begin(cacheName);
    if (worker === undefined) return readBootedAhead(cacheName);
    return new Promise((resolve) => {
      worker.addEventListener('message', (event: MessageEvent<unknown>) => {
        const { data } = event;
        if (!isAhead(data)) return;
        // It is not for the machine.
        event.stopImmediatePropagation();
        resolve(data.type === 'booted' ? data.booted : readBootedAhead(cacheName));
      });
      worker.addEventListener('error', () => resolve(readBootedAhead(cacheName)));
    });
  }

  /** For a machine that boots whatever is kept. */
  begin(): void {
    this.#begin('');
  }

  /** The worker for a machine: the option `worker` of createVm. Throws as `new Worker` does. */
  readonly take = (): Worker => {
    const worker = this.#ahead ?? startWorker('');
    this.#ahead = undefined;
    return worker;
  };

  #begin(cacheName: string): Worker | undefined {
    try {
      const worker = startWorker(cacheName);
      this.#ahead = worker;
      // Whoever takes one of his own is told why.
      worker.addEventListener('error', () => {
        if (this.#ahead === worker) this.#ahead = undefined;
      });
    } catch {
      // So is he of this.
    }
    return this.#ahead;
  }
}

function startWorker(name: string): Worker {
  return new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module', name });
}

function isAhead(data: unknown): data is AheadMessage {
  const type = typeof data === 'object' && data !== null && 'type' in data ? data.type : undefined;
  return type === 'booted' || type === 'unread';
}
