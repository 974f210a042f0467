import type { Awaitable } from '../../devices/9p/backend.ts';

/** Work of which one run at a time is under way: all who ask for it meanwhile share the next one, which begins after that. */
export class SharedRuns {
  readonly #work: () => Awaitable<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(work: () => Awaitable<void>) {
    this.#work = work;
  }

  /** A run that begins no earlier than now; done at once where it can be. */
  run(): Awaitable<void> {
    if (this.#running !== undefined) return (this.#next ??= this.#after(this.#running));
    const done = this.#work();
    if (done === undefined) return undefined;
    this.#running = done.finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when nothing is under way any more, whatever came of it. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await (this.#next ?? this.#running).catch(() => undefined);
  }

  async #after(running: Promise<void>): Promise<void> {
    // Its end is told to those who asked for it.
    await running.catch(() => undefined);
    this.#next = undefined;
    await this.run();
  }
}
