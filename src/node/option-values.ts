// What the parsers of options share.
import { VmError } from '../errors.ts';

export function bad(message: string): VmError {
  return new VmError('bad-option', message);
}

export function parseNumber(what: string, text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw bad(`${what}: "${text}" is not a whole number`);
  return Number(text);
}

/** Splits at single commas; two in a row are one that belongs to the text. */
export function splitAtCommas(text: string): string[] {
  const parts = [''];
  for (const [piece] of text.matchAll(/,,|,|[^,]+/g)) {
    if (piece === ',') parts.push('');
    else parts[parts.length - 1] += piece === ',,' ? ',' : piece;
  }
  return parts;
}
