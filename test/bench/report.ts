// How the bench tells what it measured: Markdown that reads well in a terminal.

/** Of several measurements of one thing. */
export interface Spread {
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

/** Undefined for no samples. */
export function spreadOrNone(samples: readonly number[]): Spread | undefined {
  return samples.length === 0 ? undefined : spread(samples);
}

/** Throws RangeError when there are no samples. */
export function spread(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const [minimum, maximum] = [sorted.at(0), sorted.at(-1)];
  if (minimum === undefined || maximum === undefined) throw new RangeError('nothing was measured');
  const half = sorted.length / 2;
  // The mean of the two in the middle, or twice the one.
  const median = (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
  return { minimum, median, maximum };
}

/** Three significant digits, and no more than are true. */
export function figure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = digits > 0 ? value : Number(value.toPrecision(3));
  return rounded.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The median, with the least and the greatest behind it. */
export function figures(of: Spread | undefined): string {
  return of === undefined ? '' : `${figure(of.median)} (${figure(of.minimum)} to ${figure(of.maximum)})`;
}

/** How many times `left` is `right`, by their medians. */
export function ratio(left: Spread | undefined, right: Spread | undefined): string {
  return left === undefined || right === undefined ? '' : figure(left.median / right.median);
}

/** Throws RangeError when there are none. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('nothing was measured');
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** A number that may be unknown. */
export const figureOrNone = (value: number | undefined): string => (value === undefined ? '' : figure(value));

/** A bar of at most `width` characters for `value`, where `full` fills it. */
export function bar(value: number, full: number, width = 24): string {
  const eighths = Math.round((Math.min(1, value / full) || 0) * width * 8);
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest === 0 ? '' : String.fromCodePoint(0x2590 - rest));
}

/** A table. The first column is text, the others are numbers, unless a title begins with "|". */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = titles.map((title) => title.replace(/^\|/, ''));
  const widths = shown.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const isText = (column: number): boolean => column === 0 || titles[column]!.startsWith('|');
  const line = (cells: readonly string[]): string =>
    `| ${widths
      .map((width, column) =>
        isText(column) ? (cells[column] ?? '').padEnd(width) : (cells[column] ?? '').padStart(width),
      )
      .join(' | ')} |\n`;
  const rule = widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return `${line(shown)}${line(rule)}${rows.map((row) => line(row)).join('')}\n`;
}

/** Adds to the report. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Says what is going on, which is no part of the report. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
