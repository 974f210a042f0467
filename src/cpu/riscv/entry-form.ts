// How the operands of an instruction lie in the eight bytes of its decoded entry. No instruction has a result, two
// operands and an immediate, so what would be empty is not there.
import type { Row } from './row.ts';

/** What the word of a row's entry holds: its immediate, the place of rs2, or the instruction's own bits. */
export type EntryWord = 'imm' | 'rs2' | 'bits';

export interface EntryForm {
  readonly word: EntryWord;
  /** The first place is that of rd, or of rs2 where there is no result. */
  readonly first: 'rd' | 'rs2';
}

/** By row: the rows are the same for ever. */
const known = new Map<Row, EntryForm>();

export function entryForm(row: Row): EntryForm {
  let form = known.get(row);
  if (form === undefined) {
    const { fields } = row.encoding;
    const first = fields.has('rd') ? 'rd' : 'rs2';
    form = { word: wordOf(fields, first), first };
    known.set(row, form);
  }
  return form;
}

function wordOf(fields: Row['encoding']['fields'], first: EntryForm['first']): EntryWord {
  if (fields.has('imm') || fields.has('shamt') || fields.has('shamtw')) return 'imm';
  const hasMore = fields.has('rm') || fields.has('rs3');
  return first === 'rd' && fields.has('rs2') && !hasMore ? 'rs2' : 'bits';
}
