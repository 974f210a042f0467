// Numbers as people read them.

const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** 1_536 -> `1.5 KB`; units of a thousand, as file managers count. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** 1_234 -> `1,234`. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en');
}

/** Milliseconds -> `85 µs`, `1.2 ms`, `3.4 s`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 0.9995) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 999.5) return `${milliseconds < 9.95 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
