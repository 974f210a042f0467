import { expect, test } from 'vitest';
import {
  packSnapshot,
  readHost,
  recordOf,
  type GivenOptions,
  type HostRecord,
} from '../../../src/snapshot/host-record.ts';
import { encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import { SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';
import { planDrives, type DriveOptions } from '../../../src/vm-drives.ts';
import { planShares, type ShareOptions } from '../../../src/vm-options.ts';

const source = { kind: 'memory' };
const shares = (...given: readonly Omit<ShareOptions, 'source'>[]) =>
  planShares(given.map((share) => ({ source, ...share })));
const drives = (...given: readonly Omit<DriveOptions, 'source'>[]) =>
  planDrives(
    given.map((drive) => ({ source: new Uint8Array(512), ...drive })),
    0,
  );
const saved: HostRecord = {
  ...recordOf({
    memoryBytes: 128 << 20,
    clock: 'host',
    transport: 'mmio',
    features: { sv48: true, svadu: true, svade: false },
    shares: shares({}, { tag: 'data', mount: 'none', readOnly: true }),
    drives: drives({ serial: 'a' }, { serial: 'b', readOnly: true }),
  }),
  frozen: true,
  consoleUsed: true,
  agent: {
    hello: { version: 2, software: 'x' },
    lastId: 5,
    maxPayload: 262_144,
    inputWindow: 1000,
    outputWindow: 2000,
    partial: [Uint8Array.of(1)],
    unsent: [],
    requests: [3],
    programs: [
      { id: 4, pid: 20 },
      {
        id: 5,
        pid: 21,
        streams: {
          stdin: { credit: 7, waiting: [], ended: true, closed: false },
          stdout: { outstanding: 9, waiting: [Uint8Array.of(8)], refused: false },
          stderr: { outstanding: 0, waiting: [], refused: true },
        },
      },
    ],
  },
};
const file = packSnapshot('x', [], saved);
const fitting: GivenOptions = {
  memory: undefined,
  clock: undefined,
  transport: undefined,
  cpuFeatures: undefined,
  shares: shares({}, { tag: 'data', mount: 'none', readOnly: true }),
  drives: drives({ serial: 'a' }, { serial: 'b', readOnly: true }),
};

test('what was packed is read, also where more shares follow and options say the same', () => {
  expect(readHost(new SnapshotFile(file), fitting)).toEqual(saved);
  const more = shares({}, { tag: 'data', mount: 'none', readOnly: true }, { tag: 'third' });
  const same = { memory: 128, clock: 'host', transport: 'mmio', cpuFeatures: { sv48: true } } as const;
  expect(readHost(new SnapshotFile(file), { ...fitting, ...same, shares: more })).toEqual(saved);
});

test.each<[string, Partial<GivenOptions>, string]>([
  ['memory', { memory: 256 }, '128 MiB of memory, not 256: leave that option out'],
  ['clock', { clock: 'icount' }, 'the clock host, not icount: leave that option out'],
  ['transport', { transport: 'pci' }, 'reached over mmio, not pci: leave that option out'],
  [
    'a feature more',
    { cpuFeatures: { svade: true } },
    'does without svade: give --cpu svade=off, or leave that option out',
  ],
  ['a feature less', { cpuFeatures: { sv48: false } }, 'has sv48: give --cpu sv48=on, or leave that option out'],
  [
    'a drive less',
    { drives: drives({ serial: 'a' }) },
    'it has 2 drives, not 1: give the drives that it was saved with',
  ],
  ['a drive more', { drives: drives({}, {}, {}) }, 'it has 2 drives, not 3'],
  [
    'drives in another order',
    { drives: drives({ serial: 'b', readOnly: true }, { serial: 'a' }) },
    'in the same order',
  ],
  ['a drive that can be written', { drives: drives({ serial: 'a' }, { serial: 'b' }) }, 'its drive b is only read'],
  ['no share', { shares: [] }, 'it has the share "host" at /mnt/host: give that share again'],
  ['a share too few', { shares: shares({}) }, 'it has the share "data": give that share again'],
  [
    'another order',
    { shares: shares({ tag: 'data', mount: 'none', readOnly: true }, { tag: 'host' }) },
    'in the same order',
  ],
  [
    'another cache',
    { shares: shares({ cache: 'loose' }, { tag: 'data' }) },
    'has cache none, not loose: give it the same options',
  ],
  ['another place', { shares: shares({ mount: '/srv' }) }, 'has mount /mnt/host, not /srv'],
  ['read-only', { shares: shares({}, { tag: 'data', mount: 'none' }) }, 'has readOnly true, not false'],
])('options that do not fit: %s', (_, change, message) => {
  expect(() => readHost(new SnapshotFile(file), { ...fitting, ...change })).toThrow(message);
});

const stdin = { credit: 7, waiting: [Uint8Array.of(1)], ended: false, closed: false };
const silent = { outstanding: 0, waiting: [], refused: false };
const withStreams = (change: object): object => ({
  agent: {
    ...saved.agent,
    programs: [{ id: 1, pid: 1, streams: { stdin, stdout: silent, stderr: silent, ...change } }],
  },
});

test.each<[string, object]>([
  ['no memory', { memoryBytes: undefined }],
  ['more memory than there can be', { memoryBytes: 2 ** 40 }],
  ['memory of less than a page', { memoryBytes: 1000 }],
  ['another clock', { clock: 'sun' }],
  ['another transport', { transport: 'isa' }],
  ['a last number that is none', { agent: { ...saved.agent, lastId: NaN } }],
  ['a process that is none', { agent: { ...saved.agent, programs: [{ id: 1, pid: -1 }] } }],
  ['a window without end for input', { agent: { ...saved.agent, inputWindow: Infinity } }],
  ['a window without end for output', { agent: { ...saved.agent, outputWindow: 2 ** 40 } }],
  ['credit for input that is no number', withStreams({ stdin: { ...stdin, credit: NaN } })],
  ['more credit for input than its window', withStreams({ stdin: { ...stdin, credit: 1001 } })],
  ['more output under way than its window', withStreams({ stdout: { ...silent, outstanding: 2001 } })],
  ['output that waits and is not under way', withStreams({ stderr: { ...silent, waiting: [Uint8Array.of(1)] } })],
  ['an agent without its hello', { agent: { ...saved.agent, hello: undefined } }],
  ['a program that is none', { agent: { ...saved.agent, programs: [5] } }],
  ['streams that are none', { agent: { ...saved.agent, programs: [{ id: 1, pid: 1, streams: { stdin: 5 } }] } }],
])('a record that is none is damage: %s', (_, change) => {
  const bytes = encodePlain({ ...saved, ...change } as unknown as Plain);
  expect(() => readHost(new SnapshotFile(writeSnapshot('x', [{ name: 'host', bytes }])), fitting)).toThrow(
    /damaged \(section host/,
  );
});
