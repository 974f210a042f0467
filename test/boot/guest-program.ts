// Programs for the guest that make system calls and nothing else, for those that no tool of its userland makes.
// Numbers: Linux's asm-generic/unistd.h. ELF: System V ABI, chapters 4 and 5.
import { assemble } from '../cpu/riscv/assembler.ts';

/** Bytes stand for the address of a copy of them; what the call writes there comes back with its result. */
export type Argument = number | Uint8Array;

export interface SystemCall {
  readonly number: number;
  /** Up to six. */
  readonly arguments: readonly Argument[];
}

export interface CallResult {
  /** What the call returned: -errno where it failed. */
  readonly result: number;
  /** What became of each argument of bytes, in order. */
  readonly bytes: readonly Uint8Array[];
}

export interface GuestProgram {
  /** An ELF file. */
  readonly file: Uint8Array<ArrayBuffer>;
  /** The results, from what it writes to its standard output. */
  read(output: Uint8Array): CallResult[];
}

const base = 0x1_0000;
const headerLength = 64 + 56;
const codeRoom = 128;
const [write, exit] = [64, 93];
/** Number, six arguments, result; 8 bytes each. */
const entryLength = 64;

/** Makes each call of the table behind it, and stops at a negative number. */
const code = `
        li   s0, ${base + headerLength + codeRoom}
  next: ld   a7, 0(s0)
        blt  a7, x0, done
        ld   a0, 8(s0)
        ld   a1, 16(s0)
        ld   a2, 24(s0)
        ld   a3, 32(s0)
        ld   a4, 40(s0)
        ld   a5, 48(s0)
        ecall
        sd   a0, 56(s0)
        addi s0, s0, ${entryLength}
        j    next
  done: li   a0, 0
        li   a7, ${exit}
        ecall`;

/** A program that makes the calls one after another, whatever they return, and writes what came of them. */
export function guestProgram(calls: readonly SystemCall[]): GuestProgram {
  const table = headerLength + codeRoom;
  // One more entry writes everything, and one ends the table.
  const dataStart = table + (calls.length + 2) * entryLength;
  const places = new Map<Argument, number>();
  let length = dataStart;
  for (const argument of calls.flatMap((call) => call.arguments)) {
    if (typeof argument === 'number') continue;
    places.set(argument, length);
    // Strings end with a NUL, as system calls want them.
    length += argument.length + 1;
  }
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  writeHeader(file, view);
  file.set(assemble(code, BigInt(base + headerLength)).bytes, headerLength);
  const everything = { number: write, arguments: [1, base, length] };
  const end = { number: -1, arguments: [] };
  for (const [index, call] of [...calls, everything, end].entries()) {
    const values = call.arguments.map((each) => (typeof each === 'number' ? each : base + (places.get(each) ?? 0)));
    for (const [place, value] of [call.number, ...values].entries())
      view.setBigInt64(table + index * entryLength + 8 * place, BigInt(value), true);
  }
  for (const [argument, place] of places) file.set(argument as Uint8Array, place);
  const read = (output: Uint8Array): CallResult[] => {
    if (output.length !== length) throw new Error(`${output.length} bytes of output where there should be ${length}`);
    const results = new DataView(output.buffer, output.byteOffset, output.length);
    return calls.map((call, index) => ({
      result: Number(results.getBigInt64(table + index * entryLength + 56, true)),
      bytes: call.arguments.flatMap((argument) => {
        const place = places.get(argument);
        return place === undefined ? [] : [output.slice(place, place + (argument as Uint8Array).length)];
      }),
    }));
  };
  return { file, read };
}

/** One segment, readable, writable and executable, of the whole file. */
function writeHeader(file: Uint8Array, view: DataView): void {
  // e_ident: ELF, 64 bits, little endian, version 1.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, 243, true); // e_machine: EM_RISCV
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(base + headerLength), true); // e_entry
  view.setBigUint64(32, 64n, true); // e_phoff
  view.setUint16(52, 64, true); // e_ehsize
  view.setUint16(54, 56, true); // e_phentsize
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(64, 1, true); // p_type: PT_LOAD
  view.setUint32(68, 7, true); // p_flags: R, W, X
  view.setBigUint64(80, BigInt(base), true); // p_vaddr
  view.setBigUint64(88, BigInt(base), true); // p_paddr
  view.setBigUint64(96, BigInt(file.length), true); // p_filesz
  view.setBigUint64(104, BigInt(file.length), true); // p_memsz
  view.setBigUint64(112, 4096n, true); // p_align
}
