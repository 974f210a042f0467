// One `--drive`: a file and its options, separated by commas.
import { bad, splitAtCommas } from './option-values.ts';

/** As it was written. */
export interface DriveArgument {
  readonly file: string;
  readonly readOnly: boolean;
  readonly overlay?: string;
}

/** Reads `FILE[,ro][,overlay=FILE]`, where `,,` is a comma. Throws VmError 'bad-option' that says what is wrong. */
export function parseDrive(text: string): DriveArgument {
  const [file = '', ...settings] = splitAtCommas(text);
  if (file === '') throw bad(`--drive ${text}: it starts with the file`);
  const seen = new Map<string, string>();
  for (const setting of settings) {
    const key = setting.startsWith('overlay=') ? 'overlay' : setting;
    if (key !== 'ro' && key !== 'overlay') {
      throw bad(`--drive ${text}: "${setting}" is neither ro nor overlay=FILE (a comma is written ,,)`);
    }
    if (seen.has(key)) throw bad(`--drive ${text}: ${key} is given twice`);
    seen.set(key, setting.slice('overlay='.length));
  }
  const overlay = seen.get('overlay');
  if (overlay === '') throw bad(`--drive ${text}: overlay needs a file: overlay=FILE`);
  return { file, readOnly: seen.has('ro'), ...(overlay !== undefined && { overlay }) };
}
