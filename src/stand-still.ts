// What is to be done while a machine's hart stands still, between two of its slices.

export class StandStill<Parts> {
  #asked: { readonly work: (parts: Parts) => Promise<void>; readonly fail: (error: Error) => void } | undefined;

  /** Settles as `work` does, when the hart stands still, or with `fail`. Who asks waits for that before he asks again. */
  ask<Result>(work: (parts: Parts) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#asked = { work: (parts) => work(parts).then(resolve, reject), fail: reject };
    });
  }

  get isAsked(): boolean {
    return this.#asked !== undefined;
  }

  /** The hart stands still until it resolves. */
  async work(parts: Parts): Promise<void> {
    await this.#asked?.work(parts);
    this.#asked = undefined;
  }

  /** The hart comes to no stand any more. */
  fail(error: Error): void {
    this.#asked?.fail(error);
    this.#asked = undefined;
  }
}
