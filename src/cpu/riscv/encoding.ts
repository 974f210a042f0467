// The RISC-V Instruction Set Manual, Volume I (20240411): instruction formats, §2.2, §2.3 and §28.2.

/** A run of bits of the instruction that becomes a run of bits of a field. */
interface Piece {
  /** Lowest bit in the instruction. */
  readonly at: number;
  readonly width: number;
  /** As many ones as it is wide. */
  readonly mask: number;
  /** Lowest bit in the field's value. */
  readonly to: number;
}

export interface Field {
  readonly name: string;
  readonly pieces: readonly Piece[];
  /** Bits of the value, counted from bit 0, so that a signed field can be extended. */
  readonly bits: number;
}

/** An encoding as the manual prints it, every bit accounted for. */
export interface Encoding {
  readonly width: 16 | 32;
  /** The bits that are fixed, and their values. */
  readonly mask: number;
  readonly match: number;
  readonly fields: ReadonlyMap<string, Field>;
}

/** Widths of the fields that the manual names without bit numbers. */
const fieldWidths: Readonly<Record<string, number>> = {
  rd: 5,
  rs1: 5,
  rs2: 5,
  rs3: 5,
  rm: 3,
  csr: 12,
  uimm: 5,
  shamt: 6,
  shamtw: 5,
  aq: 1,
  rl: 1,
  fm: 4,
  pred: 4,
  succ: 4,
  "rd'": 3,
  "rs1'": 3,
  "rs2'": 3,
};

/**
 * Reads `imm[11:0] rs1 000 rd 0010011`: from the highest bit down, fixed bits, named fields, and fields with the bits of
 * the value they hold (`imm[12|10:5]`).
 */
export function parseEncoding(text: string): Encoding {
  const parts = text.trim().split(/\s+/u);
  const widths = parts.map(partWidth);
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (total !== 16 && total !== 32) throw new Error(`encoding "${text}" has ${total} bits`);
  let mask = 0;
  let match = 0;
  const pieces = new Map<string, Piece[]>();
  let at = total;
  for (const [index, part] of parts.entries()) {
    at -= widths[index] ?? 0;
    if (/^[01]+$/u.test(part)) {
      mask |= (2 ** part.length - 1) << at;
      match |= Number.parseInt(part, 2) << at;
      continue;
    }
    const { name, runs } = parsePart(part);
    const list = pieces.get(name) ?? [];
    pieces.set(name, list);
    let offset = at + (widths[index] ?? 0);
    for (const { high, low } of runs) {
      const width = high - low + 1;
      offset -= width;
      list.push({ at: offset, width, mask: 2 ** width - 1, to: low });
    }
  }
  const fields = new Map<string, Field>();
  for (const [name, list] of pieces) {
    fields.set(name, { name, pieces: list, bits: Math.max(...list.map((piece) => piece.to + piece.width)) });
  }
  return { width: total, mask: mask >>> 0, match: match >>> 0, fields };
}

/** The field's value in an instruction, not extended. */
export function extract(field: Field, instruction: number): number {
  let value = 0;
  for (const { at, mask, to } of field.pieces) value |= ((instruction >>> at) & mask) << to;
  return value >>> 0;
}

/** The field's value, sign-extended from its highest bit. */
export function extractSigned(field: Field, instruction: number): number {
  const unused = 32 - field.bits;
  return (extract(field, instruction) << unused) >> unused;
}

/** The instruction's bits that give the field this value. Bits that the field does not hold are lost. */
export function insert(field: Field, value: number): number {
  let instruction = 0;
  for (const { at, mask, to } of field.pieces) instruction |= ((value >> to) & mask) << at;
  return instruction >>> 0;
}

function partWidth(part: string): number {
  if (/^[01]+$/u.test(part)) return part.length;
  return parsePart(part).runs.reduce((sum, { high, low }) => sum + high - low + 1, 0);
}

function parsePart(part: string): { name: string; runs: { high: number; low: number }[] } {
  const bracket = part.indexOf('[');
  if (bracket < 0) {
    const width = fieldWidths[part];
    if (width === undefined) throw new Error(`unknown field "${part}"`);
    return { name: part, runs: [{ high: width - 1, low: 0 }] };
  }
  const runs = part
    .slice(bracket + 1, -1)
    .split('|')
    .map((run) => {
      const [high, low] = run.split(':').map(Number);
      if (high === undefined || Number.isNaN(high)) throw new Error(`bad bit numbers in "${part}"`);
      return { high, low: low ?? high };
    });
  return { name: part.slice(0, bracket), runs };
}
