// The name under which the guest's version of a file goes on when the host has changed the file at the same time.
import type { Bytes } from '../../../devices/ports.ts';

const nameLength = 255;
const dot = 0x2e;
const perMillisecond = 1_000_000n;

/** notes.txt becomes notes.guest-20261126-233152.txt. `taken` tells whether the folder has a name; `time` is nanoseconds. */
export function conflictName(name: Bytes, time: bigint, taken: (name: Uint8Array) => boolean): Uint8Array<ArrayBuffer> {
  const moment = new Date(Number(time / perMillisecond)).toISOString();
  const stamp = moment.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const lastDot = name.lastIndexOf(dot);
  // ".profile" has no extension.
  const stem = lastDot > 0 ? name.subarray(0, lastDot) : name;
  const extension = lastDot > 0 ? name.subarray(lastDot) : name.subarray(name.length);
  for (let count = 1; ; count++) {
    const mark = new TextEncoder().encode(`.guest-${stamp}${count === 1 ? '' : `-${count}`}`);
    const ending = extension.subarray(0, nameLength - mark.length);
    const kept = stem.subarray(0, nameLength - mark.length - ending.length);
    const candidate = Uint8Array.from([...kept, ...mark, ...ending]);
    if (!taken(candidate)) return candidate;
  }
}
