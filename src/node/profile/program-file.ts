// The code in an ELF file, and its names. System V ABI, chapters 4 and 5; Linux Standard Base 5.0, §10.6 (.eh_frame).
import { endsFlow, isJumpAndLink, isLong, jumpOffset, roomOf } from './instructions.ts';
import { SymbolTable, type CodeSymbol } from './symbols.ts';

const machineRiscv = 243;
const loadable = 1;
const executable = 1;
const sectionTypes = { symbols: 2, dynamicSymbols: 11 } as const;
/** st_info's low half: a function, or of no type, as labels of assembly code are. */
const [noType, func] = [0, 2];

/** A part of a file that is mapped to be executed. */
export interface CodeSegment {
  /** Where it lies in the file, and in bytes how much. */
  readonly offset: number;
  readonly length: number;
  /** Where it lies in memory, from where the program is loaded. */
  readonly address: number;
}

export interface ProgramFile {
  readonly segments: readonly CodeSegment[];
  readonly symbols: SymbolTable;
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** Undefined: no ELF file for 64-bit RISC-V, or a damaged one. */
export function readProgram(bytes: Uint8Array): ProgramFile | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint32(0) !== 0x7f45_4c46 || view.getUint16(18, true) !== machineRiscv) return undefined;
    const sections = sectionsOf(view);
    const segments = segmentsOf(view);
    // Functions without a name still have a place.
    const named = symbolsOf(view, sections);
    const tabled = [...named, ...unnamed(view, sections, named)];
    return { segments, symbols: new SymbolTable([...tabled, ...guessed(view, segments, tabled)]) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function long(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function segmentsOf(view: DataView): CodeSegment[] {
  const table = long(view, 32);
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => table + index * 56)
    .filter((at) => view.getUint32(at, true) === loadable && (view.getUint32(at + 4, true) & executable) !== 0)
    .map((at) => ({ offset: long(view, at + 8), length: long(view, at + 32), address: long(view, at + 16) }));
}

function sectionsOf(view: DataView): Section[] {
  const table = long(view, 40);
  const count = table === 0 ? 0 : view.getUint16(60, true);
  const sections = Array.from({ length: count }, (_, index) => {
    const at = table + index * 64;
    return {
      nameAt: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      address: long(view, at + 16),
      offset: long(view, at + 24),
      size: long(view, at + 32),
      link: view.getUint32(at + 40, true),
    };
  });
  const names = sections[view.getUint16(62, true)]?.offset ?? 0;
  return sections.map(({ nameAt, ...section }) => ({ ...section, name: stringAt(view, names + nameAt) }));
}

/** Of .symtab, or without one of .dynsym. */
function symbolsOf(view: DataView, sections: readonly Section[]): CodeSymbol[] {
  const table =
    sections.find(({ type }) => type === sectionTypes.symbols) ??
    sections.find(({ type }) => type === sectionTypes.dynamicSymbols);
  if (table === undefined) return [];
  const names = sections[table.link]?.offset ?? 0;
  return Array.from({ length: Math.floor(table.size / 24) }, (_, index) => table.offset + index * 24).flatMap((at) => {
    const type = view.getUint8(at + 4) & 15;
    if ((type !== func && type !== noType) || view.getUint16(at + 6, true) === 0) return [];
    const name = stringAt(view, names + view.getUint32(at, true));
    // Mapping symbols and local labels of the assembler.
    if (name === '' || /^(\$|\.L)/.test(name)) return [];
    return [{ name, address: long(view, at + 8), size: long(view, at + 16) }];
  });
}

/** Functions that only the tables for unwinding know, which stripped files keep. */
function unnamed(view: DataView, sections: readonly Section[], named: readonly CodeSymbol[]): CodeSymbol[] {
  const frames = sections.find(({ name }) => name === '.eh_frame');
  if (frames === undefined) return [];
  const known = new SymbolTable(named);
  const found: CodeSymbol[] = [];
  /** The encoding of addresses, by the place of the CIE. */
  const encodings = new Map<number, number | undefined>();
  for (let at = frames.offset; at + 4 < frames.offset + frames.size;) {
    const length = view.getUint32(at, true);
    if (length === 0 || length === 0xffff_ffff) break;
    const pointer = view.getUint32(at + 4, true);
    if (pointer === 0) encodings.set(at, encodingOf(view, at));
    else if (encodings.get(at + 4 - pointer) === relativeWord) {
      const address = at + 8 - frames.offset + frames.address + view.getInt32(at + 8, true);
      const size = view.getInt32(at + 12, true);
      if (!isNamed(known, address)) found.push({ name: '', address, size });
    }
    at += 4 + length;
  }
  return found;
}

/** Whether a function has a name at its beginning, or is inside one that has a length. */
function isNamed(symbols: SymbolTable, address: number): boolean {
  const symbol = symbols.find(address);
  return symbol !== undefined && (symbol.address === address || symbol.size > 0);
}

/** Functions that no table knows: what is called, and what makes room on the stack where nothing came before. */
function guessed(view: DataView, segments: readonly CodeSegment[], known: readonly CodeSymbol[]): CodeSymbol[] {
  const table = new SymbolTable(known);
  const starts = new Set<number>();
  for (const { offset, length, address } of segments) {
    let ended = false;
    for (let at = offset - (offset % 2); at + 4 <= offset + length;) {
      const half = view.getUint16(at, true);
      const word = isLong(half) ? view.getInt32(at, true) : half;
      const place = address + at - offset;
      if (isJumpAndLink(word)) starts.add(place + jumpOffset(word));
      if (ended && roomOf(half, () => word >>> 16) !== undefined) starts.add(place);
      ended = endsFlow(word);
      at += isLong(half) ? 4 : 2;
    }
  }
  return [...starts].flatMap((start) => (!isNamed(table, start) ? [{ name: '', address: start, size: 0 }] : []));
}

/** DW_EH_PE_pcrel | DW_EH_PE_sdata4, the only encoding that compilers for RISC-V use. */
const relativeWord = 0x1b;

/** What the augmentation `R` of a CIE says; undefined: nothing. */
function encodingOf(view: DataView, cie: number): number | undefined {
  const augmentation = stringAt(view, cie + 9);
  if (!augmentation.startsWith('z')) return undefined;
  let at = cie + 9 + augmentation.length + 1;
  const skipNumber = (): void => {
    while (view.getUint8(at++) >= 0x80);
  };
  // Code alignment, data alignment, the register of return addresses, the length of what follows.
  for (let numbers = 0; numbers < 4; numbers += 1) skipNumber();
  for (const letter of augmentation.slice(1)) {
    if (letter === 'R') return view.getUint8(at);
    if (letter === 'P') at += 1 + ((view.getUint8(at) & 7) === 4 ? 8 : 4);
    else if (letter === 'L') at += 1;
    else if (letter !== 'S') return undefined;
  }
  return undefined;
}

function stringAt(view: DataView, at: number): string {
  let end = at;
  while (view.getUint8(end) !== 0) end += 1;
  return new TextDecoder('latin1').decode(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
}
