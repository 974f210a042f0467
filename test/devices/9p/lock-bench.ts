// What the tests of locks share: several servers over one backend, each with a client that has the file `data` open.
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import type { Backend, ByteLock, OutsideLocks } from '../../../devices/9p/backend.ts';
import { lockStatus, lockType } from '../../../devices/9p/messages.ts';
import { Server } from '../../../devices/9p/server.ts';
import type { ServerOptions } from '../../../devices/9p/server.ts';
import { unheld } from '../../../src/node/node-fs/host-locks.ts';
import { risingClock } from './backends.ts';
import { Client, make } from './client.ts';
import type { Message, Sent } from './client.ts';
import { makeFile, openFid } from './tree.ts';

const { Rlock } = make;
export const { read, write, unlock } = lockType;
export const granted = Rlock({ status: lockStatus.success });
export const blocked = Rlock({ status: lockStatus.blocked });

interface Asked {
  readonly fid?: number;
  readonly type?: number;
  readonly start?: bigint;
  /** 0: to the end. */
  readonly length?: bigint;
  readonly procId?: number;
  readonly clientId?: string;
  readonly flags?: number;
}

/** A Tlock: of the whole file to write, through fid 1, by process 1, unless told otherwise. */
export function lock(asked: Asked = {}): Message {
  return make.Tlock({
    fid: 1,
    type: write,
    flags: 0,
    start: 0n,
    length: 0n,
    procId: 1,
    clientId: 'guest',
    ...asked,
  });
}

export function getlock(asked: Omit<Asked, 'flags'> = {}): Message {
  return make.Tgetlock({ fid: 1, type: write, start: 0n, length: 0n, procId: 99, clientId: 'probe', ...asked });
}

/** A Tlock that is to wait. */
export function wait(asked: Asked = {}): Message {
  return lock({ ...asked, flags: 1 });
}

/** A client of a server of its own, with fid 1 open to read and write. */
export async function guest(backend: Backend, options: Partial<ServerOptions> = {}): Promise<Client> {
  const client = await Client.attached(new Server({ backend, ...options }));
  await openFid(client, 1, options.readOnly === true ? 0 : 2, 'data');
  return client;
}

/** A backend in memory with the file `data`. */
export async function shared(): Promise<MemoryBackend> {
  const backend = new MemoryBackend({ now: risingClock() });
  await makeData(backend);
  return backend;
}

export async function makeData(backend: Backend): Promise<void> {
  const client = await Client.attached(new Server({ backend }));
  await makeFile(client, [], 'data', 'content');
}

/** A store that others use too: what they hold of its one file, in cells of `unit` bytes, the last without an end. */
export class Outsiders extends MemoryBackend {
  readonly #unit: bigint;
  /** By cells: `read`, `write` or undefined. What the users of the backend hold, and what the others do. */
  readonly insiders: (number | undefined)[] = [];
  readonly outsiders: (number | undefined)[] = [];
  readonly listeners = new Set<() => void>();
  opened = 0;

  constructor(unit: bigint) {
    super({ now: risingClock() });
    this.#unit = unit;
  }

  openLocks(): OutsideLocks {
    this.opened++;
    return {
      set: (wanted) => {
        const cells = this.#cells(wanted);
        if (cells.some((cell) => clash(this.outsiders[cell], wanted.type))) return false;
        for (const cell of cells) this.insiders[cell] = wanted.type;
        return true;
      },
      unlock: (range, held) => {
        for (const part of unheld(range, held)) for (const cell of this.#cells(part)) this.insiders[cell] = undefined;
      },
      find: (wanted) => {
        const cell = this.#cells(wanted).find((each) => clash(this.outsiders[each], wanted.type));
        if (cell === undefined) return undefined;
        const start = BigInt(cell) * this.#unit;
        return { type: this.outsiders[cell]!, start, end: start + this.#unit, procId: 7, clientId: 'host' };
      },
      watch: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
      close: () => {
        this.insiders.length = 0;
        this.opened--;
      },
    };
  }

  /** As an outsider would. Returns whether it could. */
  set(type: number, cells: readonly number[]): boolean {
    if (type !== unlock && cells.some((cell) => clash(this.insiders[cell], type))) return false;
    for (const cell of cells) this.outsiders[cell] = type === unlock ? undefined : type;
    for (const listener of this.listeners) listener();
    return true;
  }

  #cells({ start, end }: Pick<ByteLock, 'start' | 'end'>): number[] {
    const [first, last] = [Number(start / this.#unit), Math.min(cellCount, Number(end / this.#unit))];
    return Array.from({ length: last - first }, (_, index) => first + index);
  }
}

/** Cells of a file in `Outsiders` and in the model; the last has no end. */
export const cellCount = 8;

export function clash(one: number | undefined, other: number | undefined): boolean {
  return one !== undefined && other !== undefined && (one === write || other === write);
}

/** Whether it has been answered, once all that can be answered is. */
export async function isAnswered(sent: Sent): Promise<boolean> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return sent.isDone;
}
