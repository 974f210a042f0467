// Byte-range locks as fcntl(2) has them (POSIX.1-2024, fcntl): one table for all who use a backend, through whichever server
// they come. Two who wait for each other do so until a signal ends one of them (Tflush): 9P has no EDEADLK to tell, and a
// client knows only of its own processes.
import type { Backend, ByteLock, OpenFile, OutsideLocks } from './backend.ts';
import { Errno } from './errno.ts';
import { lockType } from './messages.ts';

/** The most locks of one session. Each costs some 150 bytes, and a look at it whenever the same file is locked. */
export const maximumLocks = 8192;
/**
 * The most requests of one session that wait for a lock. A virtqueue of ours has 256 descriptors, and a request takes two of
 * them or more where the driver knows no indirect ones: half stay free for the requests that will end the wait.
 */
export const maximumWaitingLocks = 64;

/** A lock and its owner: a process, as the client names both. */
export interface ClientLock extends ByteLock {
  readonly procId: number;
  readonly clientId: string;
}

export interface Lock extends ClientLock {
  /** Of the fid that it was set through. */
  readonly through: FidLocks;
}

/** Is told once, when a lock is held or can not be had any more. */
type Told = (failure: Errno | undefined) => void;

/** Of a request that waits: to be called at once with who is to be told. Returns what ends the wait. */
export type Wait = (tell: Told) => () => void;

interface Waiter {
  readonly lock: Lock;
  tell: Told;
}

/** Two guests may have the same name: an owner is one of a session. */
function haveOneOwner(one: Lock, other: Lock): boolean {
  return (
    one.through.session === other.through.session && one.procId === other.procId && one.clientId === other.clientId
  );
}

/** The locks of a file, by their starts, after the owner of `lock` has set it. */
function after(held: readonly Lock[], lock: Lock): Lock[] {
  let { start, end } = lock;
  const next: Lock[] = [];
  for (const old of held) {
    if (old.end < lock.start || old.start > lock.end || !haveOneOwner(old, lock)) {
      next.push(old);
    } else if (old.type === lock.type && old.through === lock.through) {
      // One lock, also where they only touch.
      if (old.start < start) ({ start } = old);
      if (old.end > end) ({ end } = old);
    } else {
      if (old.start < lock.start) next.push({ ...old, end: old.end < lock.start ? old.end : lock.start });
      if (old.end > lock.end) next.push({ ...old, start: old.start > lock.end ? old.start : lock.end });
    }
  }
  if (lock.type !== lockType.unlock) next.push({ ...lock, start, end });
  return next.sort((one, other) => (one.start < other.start ? -1 : one.start > other.start ? 1 : 0));
}

/** The locks of one file, and who waits for one. Kept by its number as long as there are any. */
class FileLocks {
  readonly #table: Map<bigint, FileLocks>;
  readonly #ino: bigint;
  readonly #outside: OutsideLocks | undefined;
  readonly #waiters = new Set<Waiter>();
  #held: readonly Lock[] = [];
  /** Whether others than the users of the backend were in the way of a lock. */
  #isHeldOutside = false;
  #unwatch: (() => void) | undefined;

  constructor(table: Map<bigint, FileLocks>, ino: bigint, outside: OutsideLocks | undefined) {
    this.#table = table;
    this.#ino = ino;
    this.#outside = outside;
    table.set(ino, this);
  }

  get held(): readonly Lock[] {
    return this.#held;
  }

  /** The first lock that is in the way. */
  find(lock: Lock): ClientLock | undefined {
    return this.#conflict(lock) ?? this.#outside?.find(lock);
  }

  /** Sets or unlocks. Where another's lock is in the way: false, or a wait for it. Throws Errno. */
  set(lock: Lock, waits: boolean): boolean | Wait {
    try {
      if (this.#set(lock)) {
        this.#serve();
        return true;
      }
      if (!waits) return false;
      const waiter: Waiter = { lock, tell: () => undefined };
      this.#waiters.add(waiter);
      lock.through.session.waiting++;
      return (tell) => {
        waiter.tell = tell;
        return () => {
          if (!this.#waiters.delete(waiter)) return;
          lock.through.session.waiting--;
          this.tidy();
        };
      };
    } finally {
      this.tidy();
    }
  }

  /** Takes away what was set through fids that are gone; whoever waits through one hears of it. */
  release(isGone: (fid: FidLocks) => boolean): void {
    for (const waiter of this.#waiters) if (isGone(waiter.lock.through)) this.#end(waiter, new Errno('EBADF'));
    const held = this.#held;
    this.#held = held.filter(({ through }) => !isGone(through));
    if (this.#held.length < held.length) {
      for (const lock of held) {
        if (!isGone(lock.through)) continue;
        lock.through.session.count--;
        this.#outside?.unlock(lock, this.#held);
      }
      this.#serve();
    }
    this.tidy();
  }

  /** Looks at others' locks while somebody waits for them; goes when there is nothing left to know. */
  tidy(): void {
    const watches = this.#isHeldOutside && this.#waiters.size > 0;
    if (watches) {
      this.#unwatch ??= this.#outside?.watch(() => {
        this.#serve();
        this.tidy();
      });
      return;
    }
    this.#unwatch?.();
    this.#unwatch = undefined;
    if (this.#held.length > 0 || this.#waiters.size > 0) return;
    this.#table.delete(this.#ino);
    this.#outside?.close();
  }

  #conflict(lock: Lock): Lock | undefined {
    return this.#held.find(
      (held) =>
        held.start < lock.end &&
        lock.start < held.end &&
        (held.type === lockType.write || lock.type === lockType.write) &&
        !haveOneOwner(held, lock),
    );
  }

  /** False, or an Errno, leaves everything as it was. */
  #set(lock: Lock): boolean {
    const unlocks = lock.type === lockType.unlock;
    if (!unlocks && this.#conflict(lock) !== undefined) return false;
    const next = after(this.#held, lock);
    const more = next.length - this.#held.length;
    const { session } = lock.through;
    // Unlocking counts too: the middle of a range makes two of it.
    if (more > 0 && session.count + more > maximumLocks) throw new Errno('ENOLCK', `more than ${maximumLocks} locks`);
    // All of the range gets this type: where it is to be read, no other user of the backend can have a part to write in.
    if (!unlocks && this.#outside?.set(lock) === false) {
      this.#isHeldOutside = true;
      return false;
    }
    session.count += more;
    this.#held = next;
    if (unlocks) this.#outside?.unlock(lock, next);
    return true;
  }

  /** Gives to those who wait what they can have by now, in the order of their arrival. */
  #serve(): void {
    this.#isHeldOutside = false;
    // Until nobody gets anything: whoever is given a lock to read may have had one to write in its place.
    for (let goesOn = this.#waiters.size > 0; goesOn;) {
      goesOn = false;
      for (const waiter of this.#waiters) {
        let failure: Errno | undefined;
        try {
          if (!this.#set(waiter.lock)) continue;
        } catch (error) {
          if (!(error instanceof Errno)) throw error;
          failure = error;
        }
        this.#end(waiter, failure);
        goesOn = true;
      }
    }
  }

  #end(waiter: Waiter, failure: Errno | undefined): void {
    this.#waiters.delete(waiter);
    waiter.lock.through.session.waiting--;
    waiter.tell(failure);
  }
}

/** What a session holds, for its limits and its end. */
export class SessionLocks {
  readonly backend: Backend;
  readonly files: Map<bigint, FileLocks>;
  count = 0;
  waiting = 0;

  constructor(backend: Backend) {
    this.backend = backend;
    let files = tables.get(backend);
    if (files === undefined) tables.set(backend, (files = new Map()));
    this.files = files;
  }

  /** All locks of the session. */
  held(): readonly Lock[] {
    return [...this.files.values()].flatMap(({ held }) => held).filter(({ through }) => through.session === this);
  }

  end(): void {
    for (const file of this.files.values()) file.release(({ session }) => session === this);
  }
}

/** The files with locks, by inode number. Here rather than in each backend, which need not know of locks. */
const tables = new WeakMap<Backend, Map<bigint, FileLocks>>();

/** The locks that are set through one fid, which is open, and go with it. */
export class FidLocks {
  readonly session: SessionLocks;
  readonly #ino: bigint;
  readonly #opened: OpenFile;

  constructor(session: SessionLocks, ino: bigint, opened: OpenFile) {
    this.session = session;
    this.#ino = ino;
    this.#opened = opened;
  }

  /** Sets or unlocks. Where another's lock is in the way: false, or a wait if asked for and not too many wait. Throws Errno. */
  set(lock: ClientLock, waits: boolean): boolean | Wait {
    return this.#file().set({ ...lock, through: this }, waits && this.session.waiting < maximumWaitingLocks);
  }

  /** The first lock that is in the way; of any type where `lock` is of none. */
  find(lock: ClientLock): ClientLock | undefined {
    const file = this.#file();
    try {
      return file.find({ ...lock, through: this });
    } finally {
      file.tidy();
    }
  }

  end(): void {
    this.session.files.get(this.#ino)?.release((fid) => fid === this);
  }

  #file(): FileLocks {
    const { backend, files } = this.session;
    return files.get(this.#ino) ?? new FileLocks(files, this.#ino, backend.openLocks?.(this.#opened));
  }
}
