import { describe, expect, test } from 'vitest';
import { maximumShares as machineShares } from '../../src/machine.ts';
import {
  builtInCommandLine,
  maximumShares,
  planCommandLine,
  planJitCache,
  planTransport,
  planMemory,
  planShares,
  shareDefaults,
} from '../../src/vm-options.ts';

const source = { kind: 'test', name: 'photos' };

describe('shares', () => {
  test('the first is host at /mnt/host, the next has its source’s name', () => {
    expect(planShares([{ source }, { source }]).map(({ tag, mount }) => [tag, mount])).toEqual([
      ['host', '/mnt/host'],
      ['photos', '/mnt/photos'],
    ]);
  });

  test('a tag of its own says where it is mounted', () => {
    expect(planShares([{ source, tag: 'code' }])[0]).toMatchObject({ tag: 'code', mount: '/mnt/code' });
  });

  test('mount=none leaves it to the user', () => {
    expect(planShares([{ source, mount: 'none' }])[0]?.mount).toBeUndefined();
  });

  test('the root is the last, at /, cached as what nobody else changes', () => {
    expect(planShares([{ source }], { source })).toMatchObject([
      { tag: 'host', mount: '/mnt/host', cache: 'none' },
      { tag: 'root', mount: '/', cache: 'loose', readOnly: false },
    ]);
    expect(planShares([], { source, tag: 'debian', cache: 'mmap', readOnly: true })).toMatchObject([
      { tag: 'debian', mount: '/', cache: 'mmap', readOnly: true },
    ]);
  });

  test('the root takes a slot, as a share does', () => {
    const shares = Array.from({ length: maximumShares }, (_, at) => ({ source, tag: `t${at}` }));
    expect(() => planShares(shares, { source })).toThrow(`slots for ${maximumShares}`);
  });

  test('defaults of the mount', () => {
    expect(planShares([{ source }])[0]).toMatchObject({ ...shareDefaults, readOnly: false });
  });

  test.each([
    [[{ tag: 'a' }, { tag: 'a' }], 'two shares have the tag "a"'],
    [[{ mount: '/x' }, { mount: '/x' }], 'two shares are to be mounted at /x'],
    [[{ mount: '/' }], 'is given as root, not as a share'],
    [[{ mount: 'x' }], 'neither an absolute path nor none'],
    [[{ tag: '' }], '1 to 31 bytes'],
    [[{ tag: 'ä'.repeat(16) }], '1 to 31 bytes'],
    [[{ tag: 'a/b' }], 'no slash'],
    [[{ maximumMessageSize: 4095 }], 'from 4096 to 512000'],
    [[{ maximumMessageSize: 512_001 }], 'from 4096 to 512000'],
    [Array.from({ length: maximumShares + 1 }, (_, at) => ({ tag: `t${at}` })), `slots for ${maximumShares}`],
  ])('refuses %j', (shares, reason) => {
    expect(() => planShares(shares.map((share) => ({ source, ...share })))).toThrow(reason);
  });

  test('the machine has room for as many', () => {
    expect(maximumShares).toBe(machineShares);
  });
});

describe('the bound of translated code', () => {
  test('is given in MiB, and is the translator’s own unless it is given', () => {
    expect(planJitCache(48)).toBe(3 * 1024 * 1024);
    expect(planJitCache(undefined)).toBeUndefined();
  });

  test.each([[15], [4097], [16.5], [Number.NaN]])('refuses %d', (mebibytes) => {
    expect(() => planJitCache(mebibytes)).toThrow('jitCache (in MiB)');
  });
});

test('the transport is mmio unless it is given; another word is refused', () => {
  expect([planTransport(), planTransport('pci')]).toEqual(['mmio', 'pci']);
  // As a program without types could say.
  expect(() => planTransport('PCI' as 'pci')).toThrow('transport is PCI: it is mmio or pci');
});

describe('memory', () => {
  test('is given in MiB', () => {
    expect(planMemory(64)).toBe(64 * 1024 * 1024);
  });

  test.each([[15], [2049], [16.5], [Number.NaN]])('refuses %d', (memory) => {
    expect(() => planMemory(memory)).toThrow('whole number from 16 to 2048');
  });
});

describe('the kernel command line', () => {
  test('is the built-in one with what is appended', () => {
    expect(planCommandLine(undefined)).toBe(builtInCommandLine);
    expect(planCommandLine('loglevel=7')).toBe(`${builtInCommandLine} loglevel=7`);
  });

  test('may have 1,023 bytes', () => {
    const room = 1023 - builtInCommandLine.length - 1;
    expect(planCommandLine('x'.repeat(room))).toHaveLength(1023);
    expect(() => planCommandLine('x'.repeat(room + 1))).toThrow('1024 bytes');
  });
});
