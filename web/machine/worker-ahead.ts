// A machine's worker that is started before it is known what machine it runs: its scripts have come when that is. Meanwhile it
// reads the machine that is kept (src/browser/worker-ahead-entry.ts).
import { readBootedAhead, type AheadMessage, type BootedAhead } from 'vm9';

export class WorkerAhead {
  #ahead: Worker | undefined;
  #begun = Promise.resolve();

  /** Resolves when the worker's program runs, or cannot. A part of its way there leads through the page's thread. */
  get begun(): Promise<void> {
    return this.#begun;
  }

  /** Resolves with the machine that is kept in that cache. Rejects where it cannot be read. */
  beginToRead(cacheName: string): Promise<BootedAhead | undefined> {
    return new Promise((resolve) => {
      const readHere = (): void => resolve(readBootedAhead(cacheName));
      const worker = this.#begin(cacheName, (message) => {
        if (message.type === 'booted') resolve(message.booted);
        if (message.type === 'unread') readHere();
      });
      if (worker === undefined) readHere();
      worker?.addEventListener('error', readHere);
    });
  }

  /** For a machine that boots whatever is kept. */
  begin(): void {
    this.#begin('', () => undefined);
  }

  /** The worker for a machine: the option `worker` of createVm. Throws as `new Worker` does. */
  readonly take = (): Worker => {
    const worker = this.#ahead ?? startWorker('', () => undefined);
    this.#ahead = undefined;
    return worker;
  };

  #begin(cacheName: string, onMessage: (message: AheadMessage) => void): Worker | undefined {
    let begun: () => void = () => undefined;
    try {
      const worker = startWorker(cacheName, (message) => {
        begun();
        onMessage(message);
      });
      this.#ahead = worker;
      this.#begun = new Promise((resolve) => (begun = resolve));
      worker.addEventListener('error', () => {
        begun();
        // Whoever takes one of his own is told why.
        if (this.#ahead === worker) this.#ahead = undefined;
      });
    } catch {
      // So is he of this.
    }
    return this.#ahead;
  }
}

function startWorker(name: string, onMessage: (message: AheadMessage) => void): Worker {
  const worker = new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module', name });
  worker.addEventListener('message', (event: MessageEvent<unknown>) => {
    const { data } = event;
    if (!isAhead(data)) return;
    // It is not for the machine.
    event.stopImmediatePropagation();
    onMessage(data);
  });
  return worker;
}

function isAhead(data: unknown): data is AheadMessage {
  const type = typeof data === 'object' && data !== null && 'type' in data ? data.type : undefined;
  return type === 'begun' || type === 'booted' || type === 'unread';
}
