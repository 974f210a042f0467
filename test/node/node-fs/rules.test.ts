// What the guest sees of owners, numbers, times and errors, as plain rules.
import { lstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noId } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { errnoOf, host, hostPath } from '../../../src/node/node-fs/host.ts';
import { InodeNumbers } from '../../../src/node/node-fs/inode-numbers.ts';
import { Owners } from '../../../src/node/node-fs/owners.ts';
import { isWindowsName } from '../../../src/node/node-fs/portable-walk.ts';
import { secondsFor, timeAbilities } from '../../../src/node/node-fs/times.ts';

function ownedBy(uid: number, gid: number): BigIntStats {
  return Object.assign(lstatSync('.', { bigint: true }), { uid: BigInt(uid), gid: BigInt(gid) });
}

describe('owners', () => {
  const owners = new Owners(1000, 1001);

  it('are root where they are the user who runs the machine, else themselves', () => {
    expect([owners.uidOf(ownedBy(1000, 1001)), owners.gidOf(ownedBy(1000, 1001))]).toEqual([0, 0]);
    expect([owners.uidOf(ownedBy(5, 6)), owners.gidOf(ownedBy(5, 6))]).toEqual([5, 6]);
    expect([owners.uidOf(ownedBy(1001, 1000)), owners.gidOf(ownedBy(1001, 1000))]).toEqual([1001, 1000]);
    expect([owners.uidOf(ownedBy(0, 0)), owners.gidOf(ownedBy(0, 0))]).toEqual([0, 0]);
  });

  it('may be set to what they are', () => {
    for (const changes of [{}, { uid: 0 }, { gid: 0 }, { uid: 0, gid: 0 }, { uid: noId, gid: noId }])
      expect(() => owners.check(changes, ownedBy(1000, 1001))).not.toThrow();
    expect(() => owners.check({ uid: 5, gid: 6 }, ownedBy(5, 6))).not.toThrow();
  });

  it('are not changed, not to root either', () => {
    for (const changes of [{ uid: 1000 }, { uid: 5 }, { gid: 5 }, { uid: 0, gid: 1 }])
      expect(() => owners.check(changes, ownedBy(1000, 1001))).toThrow(expect.objectContaining({ code: 'EPERM' }));
    expect(() => owners.check({ uid: 0 }, ownedBy(5, 6))).toThrow(expect.objectContaining({ code: 'EPERM' }));
  });

  it('of a machine that root runs pass through', () => {
    const ofRoot = new Owners(0, 0);
    expect([ofRoot.uidOf(ownedBy(0, 1000)), ofRoot.gidOf(ownedBy(0, 1000))]).toEqual([0, 1000]);
    expect(() => ofRoot.check({ uid: 1000 }, ownedBy(0, 0))).toThrow(expect.objectContaining({ code: 'EPERM' }));
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
