import type { Meaning } from '../ops.ts';
import { parseEncoding } from './encoding.ts';
import type { Encoding } from './encoding.ts';

/** One instruction: the only place where it is described. */
export interface Row {
  /** Mnemonic. */
  readonly name: string;
  /** Operands as an assembler writes them, in terms of the encoding's fields: `rd, imm(rs1)`. */
  readonly syntax: string;
  readonly encoding: Encoding;
  readonly meaning: Meaning;
  readonly traits: Traits;
}

/** What an engine must know of an instruction besides its meaning. */
export interface Traits {
  /** Needs the floating-point unit to be on (mstatus.FS). */
  readonly float?: boolean;
  /** Fields that name floating-point registers. */
  readonly floatFields?: readonly string[];
  /** May go elsewhere than to the next instruction. */
  readonly flow?: 'branch' | 'jump' | 'indirect';
  /** Seldom met: an interpreter keeps it out of its main loop. */
  readonly rare?: boolean;
}

type RowText = readonly [name: string, syntax: string, encoding: string, meaning: Meaning, traits?: Traits];

/** Reads a table of rows; `traits` hold for each of them. */
export function rows(traits: Traits, table: readonly RowText[]): readonly Row[] {
  return table.map(([name, syntax, encoding, meaning, own]) => ({
    name,
    syntax,
    encoding: parseEncoding(encoding),
    meaning,
    traits: { ...traits, ...own },
  }));
}
