// Takes samples of what the guest does, in the machine's thread: one after about 36,000 instructions, at distances that
// vary, so that a loop is not always met at the same place.
import { at } from '../../cpu/riscv/layout.ts';
import type { Hart, RunOutcome } from '../../cpu/riscv/hart.ts';
import type { RamRange } from '../../cpu/riscv/mmu.ts';
import { privilege } from '../../cpu/riscv/registers.ts';
import type { Sampler } from '../../machine.ts';
import type { CodePlace, ProfileSample } from '../../profile-samples.ts';
import { GuestView } from './guest-view.ts';
import { hashPage, pageBytes } from './page-hash.ts';
import { stackKey } from './stack-key.ts';
import { TaskNames } from './task-name.ts';
import { Unwinder } from './unwinder.ts';

const shortest = 20_000;
/** The varying part: a power of two. */
const variation = 2 ** 15;
/** Samples that are told of together; fewer where a program's page is new, whose process may soon be gone. */
const together = 2000;
const togetherAtNews = 30;
const [linkRegister, stackPointer] = [at.x + 8, at.x + 2 * 8];

export class HartSampler implements Sampler {
  readonly #hart: Hart;
  readonly #view: GuestView;
  readonly #names: TaskNames;
  readonly #unwinder: Unwinder;
  readonly #tell: (samples: readonly ProfileSample[]) => void;
  /** By what tells stacks apart. */
  readonly #met = new Map<string, { readonly sample: Omit<ProfileSample, 'count'>; count: number }>();
  /** Of pages of RAM, by their first word. */
  readonly #hashes = new Map<number, { readonly seen: number; readonly hash: number }>();
  /** Pages of programs that were met. */
  readonly #pages = new Set<number>();
  #pagesTold = 0;
  #untold = 0;
  #random = 0x9e37_79b9;
  /** Instructions up to the next sample. */
  #until = shortest;

  constructor(hart: Hart, ram: RamRange, tell: (samples: readonly ProfileSample[]) => void) {
    this.#hart = hart;
    this.#view = new GuestView(hart.registers, ram);
    this.#names = new TaskNames(this.#view);
    this.#unwinder = new Unwinder(this.#view);
    this.#tell = tell;
  }

  run(budget: number): RunOutcome {
    const hart = this.#hart;
    for (let left = budget; ;) {
      const before = hart.retired();
      const outcome = hart.run(Math.min(left, this.#until));
      const done = hart.retired() - before;
      left -= done;
      this.#until -= done;
      if (this.#until <= 0) this.#sample();
      if (outcome !== 'budget' || left <= 0) return outcome;
    }
  }

  flush(): void {
    if (this.#untold > 0) this.#tell([...this.#met.values()].map(({ sample, count }) => ({ ...sample, count })));
    this.#met.clear();
    this.#untold = 0;
    this.#pagesTold = this.#pages.size;
  }

  #sample(): void {
    // Marsaglia's xorshift.
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    this.#until = shortest + (this.#random & (variation - 1));

    this.#view.forget();
    const { registers } = this.#hart;
    const user = registers.record.privilege === privilege.user;
    const register = (offset: number): number => (registers.low(offset) >>> 0) + registers.high(offset) * 2 ** 32;
    const pc = register(at.pc);
    const pageAt = (address: number): number | undefined => this.#place(address, user).page;
    const callers = this.#unwinder.callersOf(pc, register(stackPointer), register(linkRegister), pageAt, user);
    const sample = {
      task: this.#names.present(),
      user,
      stack: [pc, ...callers].map((address) => this.#place(address, user)),
    };
    const key = stackKey(sample);
    const known = this.#met.get(key);
    if (known === undefined) this.#met.set(key, { sample, count: 1 });
    else known.count += 1;
    this.#untold += 1;
    const isNews = this.#pages.size > this.#pagesTold && this.#untold >= togetherAtNews;
    if (isNews || this.#untold >= together) this.flush();
  }

  /** The hash of the page of RAM that begins with a word. */
  #hashAt(at: number): number {
    const { words } = this.#hart.registers;
    const seen = glance(words, at);
    const known = this.#hashes.get(at);
    if (known?.seen === seen) return known.hash;
    const hash = hashPage(words, at);
    this.#hashes.set(at, { seen, hash });
    return hash;
  }

  #place(address: number, user: boolean): CodePlace {
    const place = user ? this.#view.code(address, user) : undefined;
    if (place === undefined) return { address };
    const page = this.#hashAt((place - (place % pageBytes)) / 4);
    this.#pages.add(page);
    return { address, page };
  }
}

/** A word of every 16: what tells quickly that a page of RAM still holds what it held. */
function glance(words: Int32Array<ArrayBufferLike>, at: number): number {
  let sum = 0;
  for (let index = at; index < at + pageBytes / 4; index += 16) sum = (Math.imul(sum, 31) + (words[index] ?? 0)) | 0;
  return sum;
}
