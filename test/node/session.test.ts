import { expect, test } from 'vitest';
import { Progress } from '../../src/node/progress.ts';
import { posixTimeZone } from '../../src/node/session.ts';

test.each([
  [60, '<+01>-1'],
  [-300, '<-05>5'],
  [330, '<+0530>-5:30'],
  [-210, '<-0330>3:30'],
  [840, '<+14>-14'],
])('a host %d minutes east of Greenwich has the zone %s', (minutes, zone) => {
  expect(posixTimeZone(minutes)).toBe(zone);
});

test('progress overwrites its line, and takes it away', () => {
  const written: string[] = [];
  const progress = new Progress((text) => written.push(text));
  progress.reached('image');
  progress.reached('agent');
  progress.clear();
  progress.reached('shares');
  expect(written).toEqual([
    '\r\x1b[K[....................] reading the guest image …',
    '\r\x1b[K[####................] making the machine …',
    '\r\x1b[K[################....] mounting the shares …',
    '\r\x1b[K',
  ]);
});

test('no terminal, no progress', () => {
  const progress = new Progress(undefined);
  progress.reached('image');
  progress.clear();
  expect(progress).toBeInstanceOf(Progress);
});
