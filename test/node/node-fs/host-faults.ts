// Lets the host's system calls fail when a test says so: a disk that is full or broken, permissions that are gone, a process
// that has no descriptor left.
import { Errno } from '../../../devices/9p/errno.ts';
import type { ErrnoName } from '../../../devices/9p/errno.ts';
import { host, O_PATH } from '../../../src/node/node-fs/host.ts';
import { Native } from '../../../src/node/node-fs/native.ts';

type Call = (this: unknown, ...args: unknown[]) => unknown;
type Calls = Record<string, Call>;

export class HostFaults {
  /** Calls since `arm`. */
  calls = 0;
  #failing = Infinity;
  #error: ErrnoName = 'EIO';
  /** Descriptors that stand for a file without opening it: to close one never fails. */
  readonly #paths = new Set<unknown>();
  readonly #restore: (() => void)[] = [];

  /** Goes between the backend and the host, until `dispose`. */
  constructor() {
    const plain = host as unknown as Calls;
    for (const name of Object.keys(plain)) this.#intercept(plain, name);
    const native = Native.prototype as unknown as Calls;
    for (const name of Object.getOwnPropertyNames(native)) if (name !== 'constructor') this.#intercept(native, name);
  }

  /** The call after `after` others fails with `error`, and no other. */
  arm(after: number, error: ErrnoName): void {
    this.calls = 0;
    this.#failing = after + 1;
    this.#error = error;
  }

  /** Whether the call that was to fail has come. */
  get hasFailed(): boolean {
    return this.calls >= this.#failing;
  }

  disarm(): void {
    this.#failing = Infinity;
  }

  dispose(): void {
    for (const restore of this.#restore) restore();
  }

  #intercept(calls: Calls, name: string): void {
    const original = calls[name];
    if (typeof original !== 'function') return;
    const run = (args: unknown[], action: () => unknown): unknown => this.#run(name, args, action);
    calls[name] = function intercepted(...args) {
      return run(args, () => original.apply(this, args));
    };
    this.#restore.push(() => (calls[name] = original));
  }

  #run(name: string, args: unknown[], run: () => unknown): unknown {
    const [first, flags] = args;
    if (name === 'close' && this.#paths.delete(first)) return run();
    const fails = ++this.calls === this.#failing;
    // close(2): the descriptor is gone whatever the error.
    if (fails && name === 'close') run();
    if (fails) {
      const error = new Errno(this.#error);
      if (name === 'sync') return Promise.reject(error);
      throw error;
    }
    const result = run();
    if (name === 'open' && (Number(flags) & O_PATH) !== 0) this.#paths.add(result);
    return result;
  }
}
