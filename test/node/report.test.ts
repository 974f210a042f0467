import { describe, expect, test } from 'vitest';
import { VmError } from '../../src/errors.ts';
import { complaintOf, describeStatistics, failureOf, statusOf } from '../../src/node/report.ts';

describe('the exit status of the program', () => {
  test.each([
    [{ reason: 'power-off' }, 0],
    [{ reason: 'reboot' }, 0],
    [{ reason: 'stopped' }, 0],
    [{ reason: 'panic', lines: ['x'] }, 125],
    [{ reason: 'stuck', registers: 'x' }, 125],
    [{ reason: 'finisher', code: 5 }, 5],
    // 512 has no status of its own in eight bits.
    [{ reason: 'finisher', code: 512 }, 125],
  ] as const)('%j', (exit, status) => {
    expect(statusOf(exit)).toBe(status);
  });

  test('only what has a status other than 0 is complained about', () => {
    expect(complaintOf({ reason: 'power-off' })).toBeUndefined();
    expect(complaintOf({ reason: 'panic', lines: ['a', 'b'] })).toBe("the guest's kernel panicked:\na\nb");
    expect(complaintOf({ reason: 'stuck', registers: 'pc 0' })).toContain('loop of traps:\npc 0');
  });

  test.each([
    ['bad-option', 2],
    ['bad-file', 2],
    ['no-agent', 2],
    ['refused', 2],
    ['stopped', 125],
  ] as const)('an error %s', (code, status) => {
    expect(failureOf(new VmError(code, 'why'))).toEqual({ status, line: 'why' });
  });

  test('a defect is told with its stack', () => {
    const { status, line } = failureOf(new TypeError('x is not a function'));
    expect(status).toBe(125);
    expect(line).toMatch(/^a defect of this program: TypeError: x is not a function\n\s+at /);
  });
});

test('--stats tells what was measured, and what was not reached', () => {
  const p9 = { requests: 12, bytesIn: 345, bytesOut: 6789 };
  const statistics = {
    instructions: 81_234_567,
    busySeconds: 0.2,
    idleSeconds: 1.5,
    mips: 406.2,
    tlbMisses: 1234,
    p9,
    shares: {},
    start: 'cache' as const,
  };
  expect(describeStatistics({ ...statistics, boot: { image: 10, shares: 500.4 } }, 40)).toBe(
    [
      'boot: 500 ms from the start of the machine to the mounted shares, 540 ms from the start of the program (image 10, shares 500)',
      'start: the machine went on from the cache',
      'guest: 81.2 million instructions, 406 MIPS, 0.200 s busy, 1.500 s idle, 1234 TLB misses',
      '9P: 12 requests, 345 bytes in, 6789 bytes out',
      '',
    ].join('\n'),
  );
  const exits = { return: 7, indirect: 6, beyond: 5, miss: 4, unmapped: 3, spent: 2 };
  const made = { regions: 30, instructions: 900, modules: 2, dropped: 1, bytes: 2048, seconds: 0.1234 };
  const translator = { ...made, retired: 60_925_925, exits };
  expect(describeStatistics({ ...statistics, translator, boot: {} }, 40)).toContain(
    '\ntranslator: 75.0 % of the instructions ran translated, 25.0 % interpreted; ' +
      '30 regions of 900 instructions in 2 modules, 1 dropped, 2 KiB of WebAssembly kept, made in 0.123 s; ' +
      'exits: return 7, indirect 6, beyond 5, miss 4, unmapped 3, spent 2\n',
  );
  expect(describeStatistics({ ...statistics, boot: {} }, 40)).toMatch(/^boot: the shares were not mounted/);
});
