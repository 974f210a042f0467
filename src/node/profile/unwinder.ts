// The callers of what runs, without symbols, frame pointers or tables: a function that calls others begins with making room
// on the stack and storing its return address there, which its code shows. What is found that way is checked: a return
// address lies behind a call, and where that names its target this is the function. The RISC-V Instruction Set Manual, Volume I.
import type { GuestView } from './guest-view.ts';
import { branchOffset, endsFlow, isJumpAndLink, isLong, jumpOffset, roomOf } from './instructions.ts';

const deepest = 100;
/** Bytes of code before a place in which the beginning of its function is looked for. */
const longestFunction = 8192;
/** Bytes from a function's beginning to where it makes room, and from there to where it stores the return address. */
const longestPrologue = 256;

/** How a function begins, as it may have been. */
interface Prologue {
  /** The instruction that makes room on the stack, and bytes of it. */
  readonly at: number;
  readonly room: number;
  /** Where the return address is, from the stack pointer then. */
  readonly saved: number;
}

/** A call before an address; without a target it is made through a register. */
interface Call {
  readonly target: number | undefined;
}

export class Unwinder {
  readonly #view: GuestView;
  /** Of the kernel's places, which are looked at again and again, and of programs' by what their page holds. */
  readonly #known = new Map<string | number, readonly Prologue[]>();

  constructor(view: GuestView) {
    this.#view = view;
  }

  /**
   * The places behind the calls that led to `pc`, the innermost first. `page` is the hash of the page of a program's code,
   * undefined for the kernel's.
   */
  callersOf(
    pc: number,
    stackPointer: number,
    link: number,
    pageAt: (address: number) => number | undefined,
    user: boolean,
  ): number[] {
    const callers: number[] = [];
    let place = pc;
    let stack = stackPointer;
    while (callers.length < deepest) {
      const found = this.#callerOf(place, stack, pageAt, user);
      if (found !== undefined) {
        callers.push(found.caller);
        stack += found.room;
        place = found.caller;
      } else if (callers.length === 0 && this.#isCalledFrom(link, pc, user)) {
        // It has no room on the stack, or not yet.
        callers.push(link);
        place = link;
      } else break;
    }
    return callers;
  }

  #callerOf(
    place: number,
    stack: number,
    pageAt: (address: number) => number | undefined,
    user: boolean,
  ): { readonly caller: number; readonly room: number } | undefined {
    let indirect: { readonly caller: number; readonly room: number } | undefined;
    for (const { at, room, saved } of this.#prologues(place, pageAt(place), user)) {
      const caller = this.#view.pointer(stack + saved);
      const call = caller === undefined ? undefined : this.#callBefore(caller, user);
      if (caller === undefined || call === undefined) continue;
      if (call.target === undefined) indirect ??= { caller, room };
      else if (at >= call.target && at - call.target < longestPrologue) return { caller, room };
      else if (user && this.#isLinkage(call.target)) return { caller, room };
    }
    return indirect;
  }

  /** Whether a call before `link` may have led to `pc`, in a function without room on the stack. */
  #isCalledFrom(link: number, pc: number, user: boolean): boolean {
    const call = this.#callBefore(link, user);
    if (call === undefined) return false;
    const { target } = call;
    if (target !== undefined && !(user && this.#isLinkage(target))) return this.#isNear(target, pc, user);
    // What is left in the register from a call that has returned is of the function itself.
    return !this.#isNear(link, pc, user) && !this.#isNear(pc, link, user);
  }

  /** Whether a place is in the same function as an earlier one. */
  #isNear(from: number, to: number, user: boolean): boolean {
    return to >= from && to - from < longestFunction && this.#reaches(from, to, user);
  }

  /** The beginnings of functions before a place that may be that of its own, the nearest first. */
  #prologues(place: number, page: number | undefined, user: boolean): readonly Prologue[] {
    const key = page === undefined ? place : `${page}+${place % 4096}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = this.#findPrologues(place, user);
      this.#known.set(key, known);
    }
    return known;
  }

  #findPrologues(place: number, user: boolean): Prologue[] {
    const found: Prologue[] = [];
    let others = 0;
    for (let at = place - 2; at > place - longestFunction && others < 2 && found.length < 4; at -= 2) {
      const half = this.#view.half(at, user);
      if (half === undefined) break;
      const room = roomOf(half, () => this.#view.half(at + 2, user) ?? 0);
      const saved = room === undefined ? undefined : this.#savedAfter(at, place, user);
      if (room === undefined || saved === undefined) continue;
      if (this.#reaches(at, place, user)) found.push({ at, room, saved });
      // Of the function before, and once more, because it may not be what it looks like.
      else others += 1;
    }
    return found;
  }

  /** Whether a function goes on from one place to the other: a return or jump ends it, unless a branch before leads on. */
  #reaches(from: number, to: number, user: boolean): boolean {
    let furthest = from;
    for (let at = from; at < to;) {
      const half = this.#view.half(at, user) ?? 0;
      const word = !isLong(half) ? half : half | ((this.#view.half(at + 2, user) ?? 0) << 16);
      const target = branchOffset(word);
      if (target !== undefined) furthest = Math.max(furthest, at + target);
      at += isLong(half) ? 4 : 2;
      if (endsFlow(word) && furthest < at) return false;
    }
    return true;
  }

  #savedAfter(from: number, to: number, user: boolean): number | undefined {
    for (let at = from; at < Math.min(to, from + longestPrologue);) {
      const half = this.#view.half(at, user);
      if (half === undefined) return undefined;
      // c.sdsp ra (§27.3.1)
      if ((half & 0xe07f) === 0xe006) return ((half >>> 7) & 0x38) | ((half >>> 1) & 0x1c0);
      if (!isLong(half)) {
        at += 2;
        continue;
      }
      const word = half | ((this.#view.half(at + 2, user) ?? 0) << 16);
      // sd ra, …(sp) (§2.6)
      if ((word & 0x01ff_f07f) === 0x0011_3023) return ((word >> 25) << 5) | ((word >>> 7) & 31);
      at += 4;
    }
    return undefined;
  }

  /** The call that ends at an address; undefined: there is none, or no code. */
  #callBefore(address: number, user: boolean): Call | undefined {
    const short = this.#view.half(address - 2, user);
    const lower = this.#view.half(address - 4, user);
    if (short === undefined) return undefined;
    // c.jalr, whose register is not x0 (§27.4)
    if ((short & 0xf07f) === 0x9002 && (short & 0xf80) !== 0) return { target: undefined };
    if (lower === undefined) return undefined;
    const word = lower | (short << 16);
    if (isJumpAndLink(word)) return { target: address - 4 + jumpOffset(word) };
    // jalr ra
    if ((word & 0x7fff) !== 0x00e7) return undefined;
    const upper = (this.#view.half(address - 8, user) ?? 0) | ((this.#view.half(address - 6, user) ?? 0) << 16);
    const isPair = (upper & 0x7f) === 0x17 && ((upper >>> 7) & 31) === ((word >>> 15) & 31);
    return { target: isPair ? address - 8 + (upper & -4096) + (word >> 20) : undefined };
  }

  /** An entry of a procedure linkage table begins with auipc t3 (RISC-V ELF psABI). */
  #isLinkage(address: number): boolean {
    return ((this.#view.half(address, true) ?? 0) & 0xfff) === 0xe17;
  }
}
