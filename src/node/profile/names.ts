// From places of code to names: the kernel's by address, programs' by what their pages hold.
import type { CodePlace } from '../../profile-samples.ts';
import { hashPage, pageBytes } from './page-hash.ts';
import { readProgram, type CodeSegment, type ProgramFile } from './program-file.ts';
import { SymbolTable, type CodeSymbol } from './symbols.ts';

interface FilePage {
  readonly file: string;
  readonly program: ProgramFile;
  readonly segment: CodeSegment;
  /** Where the page lies in the file. */
  readonly offset: number;
}

export class CodeNames {
  readonly #kernel: SymbolTable;
  /** By the hash of their content. */
  readonly #pages = new Map<number, FilePage>();

  constructor(kernel: readonly CodeSymbol[]) {
    this.#kernel = new SymbolTable(kernel);
  }

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  /** Learns a program's file; what is none is passed by. */
  addFile(path: string, bytes: Uint8Array): void {
    const program = readProgram(bytes);
    if (program === undefined) return;
    const file = path.slice(path.lastIndexOf('/') + 1);
    for (const segment of program.segments) {
      const end = segment.offset + segment.length;
      for (let offset = segment.offset - (segment.offset % pageBytes); offset < end; offset += pageBytes) {
        // Behind the end of the file a mapped page holds zeros.
        const page = new Uint8Array(pageBytes);
        page.set(bytes.subarray(offset, offset + pageBytes));
        const hash = hashPage(new Int32Array(page.buffer), 0);
        if (!this.#pages.has(hash)) this.#pages.set(hash, { file, program, segment, offset });
      }
    }
  }

  /** `back`: how far before the place the instruction begins at most, 1 for what is behind a call. */
  nameOf({ address, page }: CodePlace, user: boolean, back = 0): string {
    if (!user) return `${this.#kernel.find(address - back)?.name ?? hexadecimal(address)}_[k]`;
    const known = page === undefined ? undefined : this.#pages.get(page);
    if (known === undefined) return `unknown (${hexadecimal(address - (address % pageBytes))})`;
    const { file, program, segment, offset } = known;
    const symbol = program.symbols.find(segment.address + offset - segment.offset + (address % pageBytes) - back);
    if (symbol === undefined) return `unknown (${file})`;
    return `${symbol.name === '' ? hexadecimal(symbol.address) : symbol.name} (${file})`;
  }
}

function hexadecimal(address: number): string {
  return `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
}
