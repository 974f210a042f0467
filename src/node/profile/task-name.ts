// The name of the task that runs. Linux on RISC-V has the address of its task_struct in tp while the kernel runs, and in
// sscratch while a program does; where the name is in it depends on the kernel's version and options. A task whose name is
// known shows it.
import { csrAt } from '../../cpu/riscv/csr-layout.ts';
import { at } from '../../cpu/riscv/layout.ts';
import { privilege } from '../../cpu/riscv/registers.ts';
import type { GuestView } from './guest-view.ts';

/** The name of the task that the profiler runs in the guest. */
export const knownTask = 'vm9-profile';
/** TASK_COMM_LEN. */
const nameBytes = 16;
/** Bytes of a task_struct in which the name is looked for. */
const searched = 8192;
const threadPointer = at.x + 4 * 8;
const firstWord = new DataView(new TextEncoder().encode(knownTask).buffer).getInt32(0, true);

export class TaskNames {
  readonly #view: GuestView;
  #offset: number | undefined;

  constructor(view: GuestView) {
    this.#view = view;
  }

  /** The name of the present task; undefined while it is not known where names are. */
  present(): string | undefined {
    const { registers } = this.#view;
    const user = registers.record.privilege === privilege.user;
    const register = user ? csrAt.sscratch : threadPointer;
    const task = (registers.low(register) >>> 0) + registers.high(register) * 2 ** 32;
    this.#offset ??= this.#find(task);
    return this.#offset === undefined ? undefined : this.#text(task + this.#offset);
  }

  #find(task: number): number | undefined {
    for (let offset = 0; offset < searched; offset += 4) {
      if (this.#view.word(task + offset) === firstWord && this.#text(task + offset) === knownTask) return offset;
    }
    return undefined;
  }

  #text(address: number): string | undefined {
    let text = '';
    for (let offset = 0; offset < nameBytes; offset += 4) {
      const word = this.#view.word(address + offset);
      if (word === undefined) return undefined;
      for (let shift = 0; shift < 32; shift += 8) {
        const byte = (word >>> shift) & 0xff;
        if (byte === 0) return text;
        text += String.fromCharCode(byte);
      }
    }
    return text;
  }
}
