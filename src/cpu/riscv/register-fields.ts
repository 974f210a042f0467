import type { Row } from './row.ts';

export interface RegisterField {
  readonly field: 'rs1' | 'rs2' | 'rs3' | 'rd';
  readonly isFloat: boolean;
}

/** By row: the rows are the same for ever. */
const known = new Map<Row, readonly RegisterField[]>();

/** The fields that name registers, that of the result last. */
export function registerFields(row: Row): readonly RegisterField[] {
  let fields = known.get(row);
  if (fields === undefined) {
    const { encoding, traits } = row;
    fields = (['rs1', 'rs2', 'rs3', 'rd'] as const)
      .filter((field) => encoding.fields.has(field))
      .map((field) => ({ field, isFloat: traits.floatFields?.includes(field) === true }));
    known.set(row, fields);
  }
  return fields;
}
