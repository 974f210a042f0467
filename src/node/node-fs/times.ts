// Times of files, set as exactly as node:fs can, where there are no native calls. It takes seconds as a double and hands them to libuv, which
//   before 1.52  cuts them to microseconds,
//   from 1.52 on keeps what the double holds: steps of 238 ns at present,
//   from 1.51 on takes an infinite time for "now" (by the kernel's own clock) and NaN for "leave it".
// So times read back at most 1 us earlier than they were set, or 0.12 us off. A number below zero means "now" to node:fs
// (a string does not), which is why all times go there as strings.
import type { TimeLike } from 'node:fs';
import type { AttributeChanges } from '../../../devices/9p/backend.ts';
import type { Native } from './native.ts';
import type { Target } from './targets.ts';

export interface TimeAbilities {
  /** Whether libuv keeps more than microseconds. */
  readonly nanoseconds: boolean;
  /** Whether "now" and "leave it" can be said. */
  readonly keywords: boolean;
  /** Sets them exactly. */
  readonly native?: Native | undefined;
}

export function timeAbilities(libuv: string): TimeAbilities {
  const [major = 0, minor = 0] = libuv.split('.').map(Number);
  const isAtLeast = (wanted: number): boolean => major > 1 || (major === 1 && minor >= wanted);
  return { nanoseconds: isAtLeast(52), keywords: isAtLeast(51) };
}

const perSecond = 1_000_000_000n;
const kernelsNow = 'Infinity';
/** Only a Date may be no number. */
const unchanged = new Date(Number.NaN);

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && quotient * divisor !== dividend ? quotient - 1n : quotient;
}

/**
 * Nanoseconds as the seconds to be passed for them. libuv cuts towards zero, and a double is seldom exact: what is passed is
 * the middle of the microsecond, or nanosecond, that is meant. Exact to that until the year 2242.
 */
export function secondsFor(time: bigint, { nanoseconds }: TimeAbilities): string {
  const step = nanoseconds ? 1n : 1000n;
  const cut = floorDivide(time, step) * step;
  const seconds = floorDivide(cut, perSecond);
  const middle = (cut < 0n ? -0.5 : 0.5) * Number(step);
  return String(Number(seconds) + (Number(cut - seconds * perSecond) + middle) / 1e9);
}

/** Sets the times that `changes` names. Throws Errno. */
export function setTimes(target: Target, { atime, mtime }: AttributeChanges, abilities: TimeAbilities): void {
  if (atime === undefined && mtime === undefined) return;
  if (abilities.native !== undefined && target.link !== undefined) {
    abilities.native.setTimes(target.link, atime, mtime);
    return;
  }
  if (abilities.keywords) {
    const said = (time: bigint | 'now' | undefined): TimeLike =>
      time === undefined ? unchanged : time === 'now' ? kernelsNow : secondsFor(time, abilities);
    target.setTimes(said(atime), said(mtime));
    return;
  }
  const { atimeNs, mtimeNs, ctimeNs } = target.stat();
  const set = (now: bigint): void => {
    const at = (time: bigint | 'now' | undefined, present: bigint): string =>
      secondsFor(time === undefined ? present : time === 'now' ? now : time, abilities);
    target.setTimes(at(atime, atimeNs), at(mtime, mtimeNs));
  };
  set(ctimeNs);
  // Any change sets ctime by the kernel's clock, which is a little behind this process's: a time taken here would be later
  // than that of a write that follows.
  if (atime === 'now' || mtime === 'now') set(target.stat().ctimeNs);
}
