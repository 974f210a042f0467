// What is remembered of files' extended attributes: how often they are asked for, and never another file's.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from '../../../devices/ports.ts';
import type { HostStat } from '../../../src/node/node-fs/host.ts';
import { KeptAttributes } from '../../../src/node/node-fs/kept-attributes.ts';
import type { Native } from '../../../src/node/node-fs/native.ts';
import type { Target } from '../../../src/node/node-fs/targets.ts';
import { bytes } from '../../backend-suite/guest.ts';
import { usedMemory } from '../../used-memory.ts';

/** Places in the table of files without attributes. */
const places = 2n ** 17n;
/** Files with attributes that are remembered. */
const most = 2 ** 15;

/** Of a regular file that has not changed for long. */
function stat(ino: bigint, ctimeNs = 1_000_000_000_000_000_000n): HostStat {
  return { dev: 7n, ino, mode: 0o100644n, ctimeNs } as HostStat;
}

let asked: number;
/** What the file that is asked for has; undefined: nothing. */
let owner: number | undefined;
let kept: KeptAttributes;

beforeEach(() => {
  asked = 0;
  owner = undefined;
  const native: Pick<Native, 'hasXattrs' | 'listxattr' | 'getxattr' | 'setxattr'> = {
    hasXattrs: () => {
      asked++;
      return owner !== undefined;
    },
    listxattr: () => [bytes('user.virtfs.uid')],
    getxattr: (): Bytes => new Uint8Array(new Uint32Array([owner ?? 0]).buffer),
    setxattr: (_path, _name, value) => {
      [owner] = new Uint32Array(new Uint8Array(value).buffer);
    },
  };
  kept = new KeptAttributes(native as Native);
});

/** Gives a file an owner, who is kept. */
const give = (file: HostStat, from: number | undefined, to: number): void =>
  kept.keep({ link: '/proc/self/fd/3' } as Target, file, { uid: from }, { uid: to });

const look = (file: HostStat): number | undefined => kept.of(file, () => ({ fd: 3 })).uid;

describe('a file with nothing', () => {
  it('is asked once, and again when its ctime has moved', () => {
    for (let round = 0; round < 3; round++) expect(look(stat(5n))).toBeUndefined();
    expect(asked).toBe(1);
    owner = 12;
    expect(look(stat(5n))).toBeUndefined();
    expect(look(stat(5n, 1_000_000_000_000_000_001n))).toBe(12);
    expect(asked).toBe(2);
  });

  it('is not another one that has its place in the table, or its number on another device', () => {
    expect(look(stat(5n))).toBeUndefined();
    owner = 12;
    expect(look(stat(5n + places))).toBe(12);
    expect(look({ ...stat(5n), dev: 8n })).toBe(12);
    expect(look(stat(5n))).toBeUndefined();
    expect(asked).toBe(3);
  });

  it('is known to have nothing until its ctime moves, and in rows (node-rows.ts) until anything is kept here', () => {
    expect(kept.isPlain(stat(5n))).toBe(false);
    look(stat(5n));
    expect([kept.isPlain(stat(5n)), kept.isPlain(stat(5n, 1_000_000_000_000_000_001n))]).toEqual([true, false]);
    const { epoch } = kept;
    look(stat(6n));
    expect(kept.epoch).toBe(epoch);
    give(stat(6n), undefined, 12);
    expect(kept.epoch).not.toBe(epoch);
    give(stat(5n), undefined, 12);
    expect(kept.isPlain(stat(5n))).toBe(false);
    look(stat(5n));
    expect(kept.isPlain(stat(5n))).toBe(false);
  });

  it('is remembered beside 100,000 others', () => {
    for (let round = 0; round < 2; round++) for (let ino = 1n; ino <= 100_000n; ino++) look(stat(ino));
    expect(asked).toBe(100_000);
  });
});

describe('files with something', () => {
  it('are asked for again once another device has the number, or the number is only nearly the same', () => {
    owner = 12;
    const far = 2n ** 60n;
    expect(look(stat(far))).toBe(12);
    owner = 13;
    expect(look({ ...stat(far), dev: 8n })).toBe(13);
    owner = 14;
    // As doubles the two are one number.
    expect(look({ ...stat(far + 1n), dev: 8n })).toBe(14);
    expect(asked).toBe(3);
  });

  it('and files with nothing are not remembered while another change might leave the ctime as it is', () => {
    const file = stat(5n, BigInt(Date.now()) * 1_000_000n);
    for (const found of [undefined, 12, 13]) {
      owner = found;
      expect(look(file)).toBe(found);
    }
  });

  it('and files with nothing are asked again after a change of ours, whatever the ctime is', () => {
    expect(look(stat(5n))).toBeUndefined();
    give(stat(5n), undefined, 12);
    expect(look(stat(5n))).toBe(12);
    give(stat(5n), 12, 13);
    expect(look(stat(5n))).toBe(13);
    expect(look(stat(5n))).toBe(13);
    expect(asked).toBe(3);
  });

  it('take no more memory when they change again and again', () => {
    const change = (times: number): void => {
      for (let time = 0; time < times; time++) {
        const file = stat(BigInt(time % 100));
        give(file, time, time + 1);
        look(file);
      }
    };
    change(1000);
    const before = usedMemory();
    change(200_000);
    expect(usedMemory() - before).toBeLessThan(4 * 2 ** 20);
  });

  it('are remembered up to a number, the oldest forgotten', () => {
    owner = 12;
    for (let ino = 1; ino <= most + 10; ino++) look(stat(BigInt(ino)));
    asked = 0;
    for (let ino = 11; ino <= most + 10; ino++) look(stat(BigInt(ino)));
    expect(asked).toBe(0);
    for (let ino = 1; ino <= 10; ino++) look(stat(BigInt(ino)));
    expect(asked).toBe(10);
    // Their place was that of the next ten.
    for (let ino = 21; ino <= most + 10; ino++) look(stat(BigInt(ino)));
    expect(asked).toBe(10);
    for (let ino = 11; ino <= 20; ino++) look(stat(BigInt(ino)));
    expect(asked).toBe(20);
  });
});
