// An ELF file with symbols, made by a test: System V ABI, chapters 4 and 5.
import { assemble } from '../../cpu/riscv/assembler.ts';

export const programBase = 0x1_0000;
const headers = 64 + 56;

/** A CIE as compilers for RISC-V write it: version 1, "zR", alignments 1 and -8, ra in x1, addresses of 4 bytes, relative. */
const cie = Uint8Array.of(16, 0, 0, 0, 0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x78, 1, 1, 0x1b, 0, 0, 0);
const fdeLength = 20;

export interface NamedProgram {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly symbol: (label: string) => number;
}

/**
 * A program of one segment that starts at its first instruction. `functions` are the labels that its symbol table has,
 * `unwound` those that its table for unwinding has, with their lengths.
 */
export function elfFile(
  source: string,
  functions: readonly string[],
  unwound: Readonly<Record<string, number>> = {},
): NamedProgram {
  const { bytes: code, symbol } = assemble(source, BigInt(programBase + headers));
  const names = ['', ...functions, '.symtab', '.strtab', '.eh_frame'];
  const strings = Buffer.from(names.map((name) => `${name}\0`).join(''));
  const nameAt = (name: string): number => strings.indexOf(`\0${name}\0`) + 1;
  const symbolsAt = Math.ceil((headers + code.length) / 8) * 8;
  const symbolsLength = 24 * (functions.length + 1);
  const stringsAt = symbolsAt + symbolsLength;
  const framesAt = Math.ceil((stringsAt + strings.length) / 8) * 8;
  const framesLength = cie.length + Object.keys(unwound).length * fdeLength;
  const sectionsAt = Math.ceil((framesAt + framesLength) / 8) * 8;
  const file = new Uint8Array(sectionsAt + 4 * 64);
  const view = new DataView(file.buffer);
  const longs = (at: number, values: readonly number[]): void =>
    values.forEach((value, index) => view.setBigUint64(at + index * 8, BigInt(value), true));

  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, 243, true); // e_machine: EM_RISCV
  view.setUint32(20, 1, true);
  longs(24, [programBase + headers, 64, sectionsAt]); // e_entry, e_phoff, e_shoff
  [64, 56, 1, 64, 4, 2].forEach((value, index) => view.setUint16(52 + index * 2, value, true)); // e_ehsize …
  view.setUint32(64, 1, true); // p_type: PT_LOAD
  view.setUint32(68, 5, true); // p_flags: R, X
  longs(72, [0, programBase, programBase, file.length, file.length, 4096]);
  file.set(code, headers);
  for (const [index, name] of functions.entries()) {
    const at = symbolsAt + 24 * (index + 1);
    view.setUint32(at, nameAt(name), true);
    view.setUint8(at + 4, 0x12); // STB_GLOBAL, STT_FUNC
    view.setUint16(at + 6, 1, true);
    longs(at + 8, [Number(symbol(name)), 0]);
  }
  file.set(strings, stringsAt);
  const section = (index: number, name: string, type: number, from: number, length: number, link: number): void => {
    const at = sectionsAt + 64 * index;
    view.setUint32(at, nameAt(name), true);
    view.setUint32(at + 4, type, true);
    longs(at + 16, [programBase + from, from, length]);
    view.setUint32(at + 40, link, true);
  };
  section(1, '.symtab', 2, symbolsAt, symbolsLength, 2);
  section(2, '.strtab', 3, stringsAt, strings.length, 0);
  section(3, '.eh_frame', 1, framesAt, framesLength, 0);
  file.set(cie, framesAt);
  for (const [index, [label, length]] of Object.entries(unwound).entries()) {
    const at = framesAt + cie.length + index * fdeLength;
    view.setUint32(at, fdeLength - 4, true);
    view.setUint32(at + 4, at + 4 - framesAt, true);
    view.setInt32(at + 8, Number(symbol(label)) - (programBase + at + 8), true);
    view.setInt32(at + 12, length, true);
  }
  return { file, symbol: (label) => Number(symbol(label)) };
}
