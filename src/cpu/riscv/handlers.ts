// Which piece of the interpreter runs a decoded instruction: a row in one of the forms that the code around it allows.
import { c } from './c.ts';
import { instructionSet } from './decoder.ts';
import type { Row } from './row.ts';
import { commonSequences } from './sequences.ts';

/**
 * Handlers that are no instructions. `undecoded` must be 0: fresh memory is full of it.
 * `pageEnd` stands behind the last entry of a page; `crossing` at an instruction whose second half is in the next page;
 * `translated` where a region begins, with the handler that it has taken the place of beside it.
 */
export const pseudoHandlers = ['undecoded', 'pageEnd', 'crossing', 'translated'] as const;
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

export const commonHandlers: readonly RowHandler[] = common;
export const rareHandlers: readonly RowHandler[] = rare;
export const firstCommon = pseudoHandlers.length;
const firstSequence = firstCommon + common.length;
/** By `NAME.LENGTH`, or `NAME.LENGTH.far`: looked up, not looked for, since every thread of a machine does this anew. */
const commonByName = new Map(
  common.map((handler) => [`${handler.row.name}.${handler.length}${handler.far ? '.far' : ''}`, handler]),
);
/** Instructions that one handler runs one behind another, each with an entry of its own. */
export const sequences: readonly (readonly RowHandler[])[] = commonSequences.map((names) => names.map(handlerNamed));
/** Instructions of the longest sequence. */
export const longestSequence = Math.max(...sequences.map((sequence) => sequence.length));
export const firstRare = firstSequence + sequences.length;
/** Illegal instructions have a handler like any other. */
export const illegalHandler = firstRare + rare.length;

/** By the row's number, length and reach: handlers of instructions, 0 where there is no such form. */
const numbers = new Uint16Array(instructionSet.length * 4);
const rowNumbers = new Map(instructionSet.map((row, number) => [row, number]));
function number(handlers: readonly RowHandler[], first: number): void {
  for (const [index, { row, length, far }] of handlers.entries()) {
    numbers[formOf(rowNumbers.get(row) ?? 0, length, far)] = first + index;
    // Rows that stay where they are have one form for near and far.
    if (row.traits.flow === undefined) numbers[formOf(rowNumbers.get(row) ?? 0, length, true)] = first + index;
  }
}
number(common, firstCommon);
number(rare, firstRare);

/** By a handler's number and that of the handler of the next instruction: the sequence of both, 0 where there is none. */
const longer = new Uint16Array(firstRare * firstSequence);
/** Of the common handlers and of the sequences, by their names. */
const numbersByName = new Map(
  [...commonByName.keys(), ...commonSequences.map((names) => names.join(' '))].map((name, index) => [
    name,
    firstCommon + index,
  ]),
);
for (const names of commonSequences) {
  const before = numberNamed(names.slice(0, -1).join(' '));
  longer[before * firstSequence + numberNamed(names.at(-1) ?? '')] = numberNamed(names.join(' '));
}

function numberNamed(name: string): number {
  const number = numbersByName.get(name);
  if (number === undefined) throw new Error(`${name} has no handler`);
  return number;
}

/** The handler that runs what `handler` runs and the instruction of `next` behind it; 0 where there is none. */
export function extendedHandler(handler: number, next: number): number {
  return handler < firstRare && next < firstSequence ? (longer[handler * firstSequence + next] ?? 0) : 0;
}

function handlerNamed(name: string): RowHandler {
  const found = commonByName.get(name);
  if (found === undefined) throw new Error(`${name} is no common instruction`);
  return found;
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
