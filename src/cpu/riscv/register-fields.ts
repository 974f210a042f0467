import type { Row } from './row.ts';

export interface RegisterField {
  readonly field: 'rs1' | 'rs2' | 'rs3' | 'rd';
  readonly isFloat: boolean;
}

/** The fields that name registers, that of the result last. */
export function registerFields({ encoding, traits }: Row): readonly RegisterField[] {
  return (['rs1', 'rs2', 'rs3', 'rd'] as const)
    .filter((field) => encoding.fields.has(field))
    .map((field) => ({ field, isFloat: traits.floatFields?.includes(field) === true }));
}
