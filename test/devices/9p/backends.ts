// Backends that a test can watch and hold up: wrappers around the memory backend.
import type { Backend, Node, OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { ErrnoName } from '../../../devices/9p/errno.ts';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { gather, totalLength } from '../../../devices/9p/scatter.ts';
import { Server } from '../../../devices/9p/server.ts';
import type { ServerOptions } from '../../../devices/9p/server.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { Client } from './client.ts';

export type Method = Exclude<keyof Backend, 'watch'>;

/** A clock that never shows the same time twice: one microsecond a look, from the second 1,700,000,000 on. */
export function risingClock(): () => bigint {
  let now = 1_700_000_000_000_000_000n;
  return () => (now += 1000n);
}

export function memory(capacity?: number): MemoryBackend {
  return new MemoryBackend({ now: risingClock(), ...(capacity !== undefined && { capacity }) });
}

type Call = (...args: readonly unknown[]) => unknown;

/** The backend with `intercept` in front of every method: it may call `run`, or not, or later. */
function intercepted(
  backend: Backend,
  intercept: (method: Method, args: readonly unknown[], run: Call) => unknown,
): Backend {
  return new Proxy(backend, {
    get(target, method: Method) {
      if (target[method] === undefined) return undefined;
      const run = (...args: readonly unknown[]): unknown => Reflect.apply(target[method] as Call, target, args);
      return (...args: readonly unknown[]) => intercept(method, args, run);
    },
  });
}

/** Counts the references that a server holds, and complains of one too many given back. */
export class Ledger {
  readonly #nodes = new Map<Node, number>();
  readonly #files = new Set<OpenFile>();
  /** Calls of any method since the ledger was made. */
  calls = 0;
  /** The number of the call that is to fail, without any effect; calls of `forget` and the like do not count. */
  failing = Infinity;
  /** How it fails. */
  error: ErrnoName = 'EIO';

  /** References to nodes, and open files. */
  get held(): number {
    return [...this.#nodes.values()].reduce((sum, count) => sum + count, 0) + this.#files.size;
  }

  over(backend: Backend): Backend {
    return intercepted(backend, (method, args, run) => this.#note(method, args, run));
  }

  #note(method: Method, args: readonly unknown[], run: Call): unknown {
    this.#before(method, args);
    const neverFails = method === 'forget' || method === 'retain' || method === 'release';
    if (!neverFails && ++this.calls === this.failing) throw new Errno(this.error);
    const result = run(...args);
    if (result instanceof Promise) return result.then((value: unknown) => this.#after(method, args, value));
    return this.#after(method, args, result);
  }

  #before(method: Method, args: readonly unknown[]): void {
    if (method === 'forget') {
      const node = args[0] as Node;
      const count = this.#nodes.get(node) ?? 0;
      if (count === 0) throw new Error(`node ${node} is forgotten once too often`);
      if (count === 1) this.#nodes.delete(node);
      else this.#nodes.set(node, count - 1);
    } else if (method === 'release' && !this.#files.delete(args[0] as OpenFile)) {
      throw new Error(`file ${String(args[0])} is released twice`);
    }
  }

  #after(method: Method, args: readonly unknown[], result: unknown): unknown {
    const gain = (node: Node): unknown => this.#nodes.set(node, (this.#nodes.get(node) ?? 0) + 1);
    if (['root', 'lookup', 'parent', 'mkdir', 'mknod', 'symlink'].includes(method)) {
      if (result !== undefined) gain(result as Node);
    } else if (method === 'retain') {
      gain(args[0] as Node);
    } else if (method === 'open') {
      this.#files.add(result as OpenFile);
    } else if (method === 'create') {
      const { node, file } = result as { node: Node; file: OpenFile };
      gain(node);
      this.#files.add(file);
    }
    return result;
  }
}

/** An operation that a backend was asked for and has not begun. */
export interface Held {
  readonly method: Method;
  readonly args: readonly unknown[];
  /** Does it, and waits until the server has gone on. */
  release(): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** Lets all promises settle that can. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Holds operations back until the test releases them: a store that has to wait. */
export class Gate {
  /** The operations that are held, in the order of the calls. */
  readonly held: Held[] = [];
  readonly #methods = new Set<Method>();
  #holdsAll = false;

  hold(...methods: readonly Method[]): void {
    for (const method of methods) this.#methods.add(method);
  }

  /** From now on everything that may wait has to. */
  holdAll(): void {
    this.#holdsAll = true;
  }

  /** What comes from now on passes; what is held stays held. */
  open(): void {
    this.#methods.clear();
    this.#holdsAll = false;
  }

  /** The only operation that is held. */
  get only(): Held {
    const [first, ...others] = this.held;
    if (first === undefined || others.length > 0) throw new Error(`${this.held.length} operations are held, not one`);
    return first;
  }

  /** Releases whatever is held, until nothing is. */
  async releaseAll(): Promise<void> {
    for (let next = this.held[0]; next !== undefined; next = this.held[0]) await next.release();
  }

  over(backend: Backend): Backend {
    return intercepted(backend, (method, args, run) => {
      const waits = this.#holdsAll || this.#methods.has(method);
      if (!waits || method === 'forget' || method === 'retain') return run(...args);
      return this.#later(method, args, run);
    });
  }

  #later(method: Method, args: readonly unknown[], run: Call): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const [first, second, pieces] = args;
      // As the contract asks: a write that waits has its own copy, a read that waits has bytes of its own.
      const own = method === 'write' ? [copied(pieces as readonly Bytes[])] : pieces;
      const operation: Held = {
        method,
        args,
        release: async () => {
          this.held.splice(this.held.indexOf(operation), 1);
          try {
            if (method === 'read') {
              const bytes = new Uint8Array(totalLength(pieces as readonly Bytes[]));
              resolve(bytes.subarray(0, run(first, second, [bytes]) as number));
            } else {
              resolve(run(...(method === 'write' ? [first, second, own] : args)));
            }
          } catch (error) {
            reject(error instanceof Error ? error : new Error('not an error', { cause: error }));
          }
          await settled();
        },
        fail: async (error) => {
          this.held.splice(this.held.indexOf(operation), 1);
          reject(error instanceof Error ? error : new Error('not an error', { cause: error }));
          await settled();
        },
      };
      this.held.push(operation);
    });
  }
}

function copied(pieces: readonly Bytes[]): Bytes {
  const copy = new Uint8Array(totalLength(pieces));
  gather(pieces, 0, copy.length, copy, 0);
  return copy;
}

/** A server over memory behind a ledger, a gate in front of both, and a client attached to the root as fid 0. */
export interface Bench {
  readonly backend: MemoryBackend;
  readonly ledger: Ledger;
  readonly gate: Gate;
  readonly server: Server;
  readonly client: Client;
}

export async function attachedServer(
  options: Partial<ServerOptions> & { readonly msize?: number; readonly uid?: number; readonly capacity?: number } = {},
): Promise<Bench> {
  const { msize = 512_000, uid = 0, capacity, ...serverOptions } = options;
  const backend = memory(capacity);
  const ledger = new Ledger();
  const gate = new Gate();
  const server = new Server({ backend: gate.over(ledger.over(backend)), ...serverOptions });
  return { backend, ledger, gate, server, client: await Client.attached(server, { msize, uid }) };
}
