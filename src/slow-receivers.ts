// Receivers of what a machine sends that are not ready for more: the guest stands still until all of them are.

export class SlowReceivers {
  readonly #pending = new Set<Promise<void>>();

  /** `pending` is what a receiver has answered. */
  add(pending: void | Promise<void>): void {
    if (pending !== undefined) this.#pending.add(pending);
  }

  /** Undefined where nobody is waited for. */
  ready(): Promise<void> | undefined {
    return this.#pending.size === 0 ? undefined : this.#allReady();
  }

  async #allReady(): Promise<void> {
    // What comes meanwhile may have to wait too.
    while (this.#pending.size > 0) {
      const pending = [...this.#pending];
      this.#pending.clear();
      await Promise.all(pending);
    }
  }
}
