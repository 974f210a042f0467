// What is remembered of files' extended attributes: how often they are asked for, and never another file's.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from '../../../devices/ports.ts';
import type { HostStat } from '../../../src/node/node-fs/host.ts';
import { KeptAttributes } from '../../../src/node/node-fs/kept-attributes.ts';
import type { Native } from '../../../src/node/node-fs/native.ts';
import { bytes } from '../../backend-suite/guest.ts';

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
  const native: Pick<Native, 'hasXattrs' | 'listxattr' | 'getxattr'> = {
    hasXattrs: () => {
      asked++;
      return owner !== undefined;
    },
    listxattr: () => [bytes('user.virtfs.uid')],
    getxattr: (): Bytes => new Uint8Array(new Uint32Array([owner ?? 0]).buffer),
  };
  kept = new KeptAttributes(native as Native);
});

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

  it('is remembered beside 100,000 others', () => {
    for (let round = 0; round < 2; round++) for (let ino = 1n; ino <= 100_000n; ino++) look(stat(ino));
    expect(asked).toBe(100_000);
  });
});

describe('files with something', () => {
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
