/** A promise with its two ends in hand. (Promise.withResolvers is not in Node.js 20.) */
export class Deferred<T> {
  readonly promise: Promise<T>;
  #resolve: ((value: T) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody has to wait for it: a rejection that no one asked for is not an unhandled one.
    this.promise.catch(() => undefined);
  }

  resolve(value: T): void {
    this.#resolve?.(value);
  }

  reject(error: unknown): void {
    this.#reject?.(error);
  }
}
