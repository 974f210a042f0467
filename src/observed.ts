/** A promise that nobody has to await: that it rejects before anybody does is not an unhandled rejection. */
export function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
