// Which piece of the interpreter runs a decoded instruction: a row in one of the forms that the code around it allows.
import { c } from './c.ts';
import { instructionSet } from './decoder.ts';
import type { Row } from './row.ts';

/**
 * Handlers that are no instructions. `undecoded` must be 0: fresh memory is full of it.
 * `pageEnd` stands behind the last entry of a page; `crossing` at an instruction whose second half is in the next page.
 */
export const pseudoHandlers = ['undecoded', 'pageEnd', 'crossing'] as const;
export type PseudoHandler = (typeof pseudoHandlers)[number];

export interface RowHandler {
  readonly row: Row;
  readonly length: 2 | 4;
  /** The target of a branch or jump may lie outside the page, or the entry is not in a page. */
  readonly far: boolean;
}

const shortForms = new Set(c.map((row) => row.base));

function forms(row: Row): readonly RowHandler[] {
  const lengths: (2 | 4)[] = shortForms.has(row.name) ? [4, 2] : [4];
  const flows = row.traits.flow === undefined ? [false] : [false, true];
  return lengths.flatMap((length) => flows.map((far) => ({ row, length, far })));
}

/** In the interpreter's main loop, then the rare ones, which it calls. */
const common = instructionSet.filter((row) => row.traits.rare !== true).flatMap(forms);
const rare = instructionSet.filter((row) => row.traits.rare === true).flatMap(forms);
/** Illegal instructions have a handler like any other. */
export const illegalHandler = pseudoHandlers.length + common.length + rare.length;

export const commonHandlers: readonly RowHandler[] = common;
export const rareHandlers: readonly RowHandler[] = rare;
export const firstCommon = pseudoHandlers.length;
export const firstRare = firstCommon + common.length;

/** By the row's number, length and reach: handlers of instructions, 0 where there is no such form. */
const numbers = new Uint16Array(instructionSet.length * 4);
const rowNumbers = new Map(instructionSet.map((row, number) => [row, number]));
for (const [index, { row, length, far }] of [...common, ...rare].entries()) {
  numbers[formOf(rowNumbers.get(row) ?? 0, length, far)] = firstCommon + index;
  // Rows that stay where they are have one form for near and far.
  if (row.traits.flow === undefined) numbers[formOf(rowNumbers.get(row) ?? 0, length, true)] = firstCommon + index;
}

/** The handler for a row, by its place in the instruction set. */
export function handlerNumber(row: number, length: 2 | 4, far: boolean): number {
  const number = numbers[formOf(row, length, far)] ?? 0;
  if (number === 0) throw new Error(`${instructionSet[row]?.name} has no form of ${length} bytes`);
  return number;
}

function formOf(row: number, length: 2 | 4, far: boolean): number {
  return row * 4 + (length === 2 ? 2 : 0) + (far ? 1 : 0);
}
