// A machine's worker that is started before it is known what machine it runs: its scripts have come when that is.
export class WorkerAhead {
  #ahead: Worker | undefined;

  begin(): void {
    try {
      const worker = startWorker();
      this.#ahead = worker;
      // Whoever takes one of his own is told why.
      worker.addEventListener('error', () => {
        if (this.#ahead === worker) this.#ahead = undefined;
      });
    } catch {
      // So is he of this.
    }
  }

  /** The worker for a machine: the option `worker` of createVm. Throws as `new Worker` does. */
  readonly take = (): Worker => {
    const worker = this.#ahead ?? startWorker();
    this.#ahead = undefined;
    return worker;
  };
}

function startWorker(): Worker {
  return new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module' });
}
