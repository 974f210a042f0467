// Programs that lock the files `ranged` and `whole` of the folder they are started in, as fcntl(2) and flock(2) do.
import type { Vm, VmCommand } from 'vm9';
import { guestProgram, type GuestProgram, type SystemCall } from './guest-program.ts';

const [fcntl, flock, openat, read, write] = [25, 32, 56, 63, 64];
const [getlk, setlk, setlkw] = [5, 6, 7];
const [exclusive, withoutWait] = [2, 4];
const [currentFolder, readWrite] = [-100, 2];
/** What the two files are opened as. */
const [ranged, whole] = [3, 4];

export const wouldBlock = -11;

/** struct flock: type[2] whence[2] padding[4] start[8] length[8] pid[4] padding[4]. */
function wanted(start = 20n, length = 10n): Uint8Array {
  const lock = new Uint8Array(32);
  const view = new DataView(lock.buffer, lock.byteOffset);
  // F_WRLCK
  view.setInt16(0, 1, true);
  view.setBigInt64(8, start, true);
  view.setBigInt64(16, length, true);
  return lock;
}

const open = (name: string): SystemCall => ({
  number: openat,
  arguments: [currentFolder, new TextEncoder().encode(name), readWrite, 0],
});
const say = (text: string): SystemCall => ({
  number: write,
  arguments: [1, new TextEncoder().encode(text), text.length],
});

/** What the programs print before their results. */
export const ready = 'ready\n';

/** Takes both locks, and has them until it can read a byte. */
export const holder: GuestProgram = guestProgram([
  open('ranged'),
  open('whole'),
  { number: fcntl, arguments: [ranged, setlk, wanted()] },
  { number: flock, arguments: [whole, exclusive] },
  say(ready),
  { number: read, arguments: [0, new Uint8Array(1), 1] },
]);

/** Asks for both, in vain if somebody has them; then waits for one after the other. */
export const asker: GuestProgram = guestProgram([
  open('ranged'),
  open('whole'),
  { number: fcntl, arguments: [ranged, setlk, wanted()] },
  { number: flock, arguments: [whole, exclusive | withoutWait] },
  { number: fcntl, arguments: [ranged, getlk, wanted(0n, 0n)] },
  say(ready),
  { number: fcntl, arguments: [ranged, setlkw, wanted()] },
  { number: flock, arguments: [whole, exclusive] },
]);

/** Waits for both, and has them until its input ends. */
export const waiter: GuestProgram = guestProgram([
  open('ranged'),
  open('whole'),
  { number: fcntl, arguments: [ranged, setlkw, wanted()] },
  { number: flock, arguments: [whole, exclusive] },
  say(ready),
  { number: read, arguments: [0, new Uint8Array(1), 1] },
]);

/** One of them, running in a guest. */
export class LockProgram {
  readonly #command: VmCommand;
  readonly #output: AsyncIterator<Uint8Array>;
  #got = Buffer.alloc(0);

  private constructor(command: VmCommand) {
    this.#command = command;
    this.#output = command.stdout[Symbol.asyncIterator]();
  }

  /** Resolves when it is ready. */
  static async start(vm: Vm, name: 'holder' | 'asker'): Promise<LockProgram> {
    const program = new LockProgram(vm.exec(`./${name}`, { stdinOpen: true }));
    while (program.#got.length < ready.length) await program.#more();
    return program;
  }

  /** What the calls of an asker returned, and the bytes of its F_GETLK: where the lock is that was in the way. */
  async results(): Promise<{ readonly returned: number[]; readonly held: readonly [start: bigint, length: bigint] }> {
    while (await this.#more());
    const results = asker.read(this.#got.subarray(ready.length));
    const lock = results[4]?.bytes[0];
    if (lock === undefined) throw new Error('no struct flock');
    const view = new DataView(lock.buffer, lock.byteOffset);
    return {
      returned: results.map(({ result }) => result),
      held: [view.getBigInt64(8, true), view.getBigInt64(16, true)],
    };
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#command.kill('SIGKILL');
    while (await this.#more());
    await this.#command.exit;
  }

  /** Lets a holder exit. */
  async end(): Promise<void> {
    await this.#command.write('x');
    while (await this.#more());
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#output.next();
    if (done === true) return false;
    this.#got = Buffer.concat([this.#got, value]);
    return true;
  }
}
