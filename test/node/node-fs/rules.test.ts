// What the guest sees of owners, numbers, times and errors, as plain rules.
import { lstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import { errnoOf, host, hostPath } from '../../../src/node/node-fs/host.ts';
import { InodeNumbers } from '../../../src/node/node-fs/inode-numbers.ts';
import { Ids, overflowId, Owners } from '../../../src/node/node-fs/owners.ts';
import { isWindowsName } from '../../../src/node/node-fs/portable-walk.ts';
import { secondsFor, timeAbilities } from '../../../src/node/node-fs/times.ts';

function ownedBy(uid: number, gid: number): BigIntStats {
  return Object.assign(lstatSync('.', { bigint: true }), { uid: BigInt(uid), gid: BigInt(gid) });
}

describe('owners', () => {
  const withMap = [
    { guest: 0, host: 1000, count: 1 },
    { guest: 1, host: 100_000, count: 65_535 },
  ];

  it('are root where they are the user who runs the machine, else themselves', () => {
    const owners = new Owners({ own: 1000, as: 0 }, { own: 1001, as: 0 });
    expect([owners.uidOf(ownedBy(1000, 1001)), owners.gidOf(ownedBy(1000, 1001))]).toEqual([0, 0]);
    expect([owners.uidOf(ownedBy(5, 6)), owners.gidOf(ownedBy(5, 6))]).toEqual([5, 6]);
    expect([owners.uidOf(ownedBy(1001, 1000)), owners.gidOf(ownedBy(1001, 1000))]).toEqual([1001, 1000]);
    expect([owners.uidOf(ownedBy(0, 0)), owners.gidOf(ownedBy(0, 0))]).toEqual([0, 0]);
  });

  it('are others in a map, and nobody where they are in none', () => {
    const ids = new Ids({ own: 1000, as: undefined, map: withMap });
    expect([1000, 100_000, 165_534, 165_535, 99_999, 0].map((host) => ids.toGuest(host))).toEqual([
      0,
      1,
      65_535,
      overflowId,
      overflowId,
      overflowId,
    ]);
    expect([0, 1, 65_535].map((guest) => ids.toHost(guest))).toEqual([1000, 100_000, 165_534]);
    expect(() => ids.toHost(65_536)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('that were named come before the map', () => {
    const ids = new Ids({ own: 7, as: 1000, map: withMap });
    expect([ids.toGuest(7), ids.toGuest(1000), ids.toHost(1000)]).toEqual([1000, 0, 7]);
  });

  it('lead from the guest to the host and back', () => {
    const id = fc.integer({ min: 0, max: 165_534 });
    const ids = new Ids({ own: 1000, as: undefined, map: withMap });
    fc.assert(
      fc.property(id, (host) => {
        const guest = ids.toGuest(host);
        fc.pre(guest !== overflowId);
        expect(ids.toHost(guest)).toBe(host);
      }),
    );
  });
});

describe('inode numbers', () => {
  const small = fc.bigInt({ min: 1n, max: 2n ** 48n - 1n });

  it("are the host's own on the file system of the root", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (ino) => {
        expect(new InodeNumbers(7n).numberOf({ dev: 7n, ino })).toBe(ino);
      }),
    );
  });

  it('are unique over file systems, and always the same', () => {
    const file = fc.record({
      dev: fc.bigInt({ min: 1n, max: 40n }),
      ino: fc.oneof(small, fc.constant(2n ** 63n + 5n)),
    });
    fc.assert(
      fc.property(fc.uniqueArray(file, { selector: ({ dev, ino }) => `${dev}:${ino}` }), (files) => {
        // On the root's own file system a number of more than 48 bits can meet another's: there it is kept.
        const others = files.filter(({ dev, ino }) => dev !== 1n || ino < 2n ** 48n);
        const numbers = new InodeNumbers(1n);
        const first = others.map((one) => numbers.numberOf(one));
        expect(new Set(first).size).toBe(others.length);
        expect(others.map((one) => numbers.numberOf(one))).toEqual(first);
      }),
    );
  });
});

describe('times', () => {
  /** What libuv makes of seconds, before 1.52 and since. */
  function asLibuv(seconds: string, nanoseconds: boolean): bigint {
    const time = Number(seconds);
    const whole = Math.trunc(time);
    let fraction = Math.trunc((time - whole) * 1e9);
    if (!nanoseconds) fraction -= fraction % 1000;
    return BigInt(whole) * 1_000_000_000n + BigInt(fraction);
  }

  const present = fc.bigInt({ min: -(2n ** 33n) * 1_000_000_000n, max: 2n ** 33n * 1_000_000_000n });

  it('are cut to the microsecond before libuv 1.52', () => {
    const abilities = timeAbilities('1.46.0');
    expect(abilities).toEqual({ nanoseconds: false, keywords: false });
    fc.assert(
      fc.property(present, (time) => {
        const set = asLibuv(secondsFor(time, abilities), false);
        expect(time - set).toBeGreaterThanOrEqual(0n);
        expect(time - set).toBeLessThan(1000n);
        expect(asLibuv(secondsFor(set, abilities), false)).toBe(set);
      }),
    );
  });

  it('are as near as a double comes since libuv 1.52', () => {
    const abilities = timeAbilities('1.52.1');
    expect(abilities).toEqual({ nanoseconds: true, keywords: true });
    fc.assert(
      fc.property(present, (time) => {
        const set = asLibuv(secondsFor(time, abilities), true);
        // Half a step of a double of this size.
        const difference = Number(time - set);
        expect(Math.abs(difference)).toBeLessThan(600);
        expect(asLibuv(secondsFor(set, abilities), true)).toBe(set);
      }),
    );
  });

  it('can be left alone since libuv 1.51', () => {
    expect(timeAbilities('1.51.0')).toEqual({ nanoseconds: false, keywords: true });
    expect(timeAbilities('2.0.0')).toEqual({ nanoseconds: true, keywords: true });
  });
});

describe('errors', () => {
  const ofHost = (code: string, errno: number): Error =>
    Object.assign(new Error(`${code}: something, open '/home/user/secret'`), { code, errno, syscall: 'open' });

  it("have Linux's names", () => {
    for (const code of ['ENOENT', 'EACCES', 'ENOSPC', 'EDQUOT', 'ELOOP', 'EXDEV'] as const)
      expect(errnoOf(ofHost(code, -1))).toMatchObject({ code });
    expect(errnoOf(ofHost('ENOTSUP', -95))).toMatchObject({ code: 'EOPNOTSUPP' });
  });

  it('that libuv has no name for are known by their number', () => {
    expect(errnoOf(ofHost('Unknown system error -116', -116))).toMatchObject({ code: 'ESTALE' });
    expect(errnoOf(ofHost('Unknown system error -122', -122))).toMatchObject({ code: 'EDQUOT' });
  });

  it('that nobody knows are EIO', () => {
    expect(errnoOf(ofHost('EWHATEVER', -4000))).toMatchObject({ code: 'EIO' });
    expect(errnoOf(ofHost('toString', 0))).toMatchObject({ code: 'EIO' });
  });

  it('do not tell paths of the host', () => {
    expect(JSON.stringify(errnoOf(ofHost('EACCES', -13)))).not.toContain('secret');
    const missing = hostPath('/proc/no-such-folder/secret');
    expect(() => host.unlink(missing)).toThrow(Errno);
    try {
      host.unlink(missing);
    } catch (error) {
      expect(String(error)).not.toContain('secret');
    }
  });

  it('that are mistakes of ours stay what they are', () => {
    const mistake = new TypeError('the "fd" argument must be a number');
    expect(errnoOf(mistake)).toBe(mistake);
  });
});

describe('names on Windows', () => {
  it('do not lead elsewhere', () => {
    for (const name of [
      'a\\b',
      '..\\x',
      'c:',
      'file:stream',
      'CON',
      'nul.txt',
      'com1',
      'x.',
      'x ',
      'a<b',
      'a\x01b',
      '?',
    ])
      expect(isWindowsName(name), name).toBe(false);
    for (const name of ['file.txt', 'console', 'a b', '.hidden', '\xe4', 'com10', 'null'])
      expect(isWindowsName(name), name).toBe(true);
  });
});
