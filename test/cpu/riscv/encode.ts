// The rows' encodings used the other way round: from an instruction's name and fields to its bits.
import { c } from '../../../src/cpu/riscv/c.ts';
import { instructionSet } from '../../../src/cpu/riscv/decoder.ts';
import { extract, extractSigned, insert } from '../../../src/cpu/riscv/encoding.ts';
import type { Encoding } from '../../../src/cpu/riscv/encoding.ts';

/** Values of fields: register numbers (8 to 15 for the three-bit ones), immediates with the shift they stand for. */
export type Fields = Readonly<Record<string, number>>;

interface Form {
  readonly syntax: string;
  readonly encoding: Encoding;
}

const forms = new Map<string, Form>([...instructionSet, ...c].map((row) => [row.name, row]));

export function formOf(name: string): Form | undefined {
  return forms.get(name);
}

/** The bits of one instruction. Fields that are not given are 0; one that cannot hold its value is an error. */
export function encode(name: string, fields: Fields = {}): number {
  const form = forms.get(name);
  if (form === undefined) throw new Error(`no instruction ${name}`);
  let bits = form.encoding.match;
  for (const [fieldName, given] of Object.entries(fields)) {
    const field = form.encoding.fields.get(fieldName);
    if (field === undefined) throw new Error(`${name} has no field ${fieldName}`);
    const value = fieldName.endsWith("'") ? given - 8 : given;
    const inserted = insert(field, value);
    if (extract(field, inserted) !== value >>> 0 && extractSigned(field, inserted) !== value) {
      throw new Error(`${name}: ${fieldName} can not be ${given}`);
    }
    bits |= inserted;
  }
  return bits >>> 0;
}
