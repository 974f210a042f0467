import { expect, test } from 'vitest';
import { PanicWatcher } from '../../src/panic.ts';

const panic = [
  '[    0.412345] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
  '[    0.412400] CPU: 0 UID: 0 PID: 1 Comm: swapper Not tainted 6.12.0 #1',
  '[    0.412500] Call Trace:',
  '[    0.412600] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---',
];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function watch(...pieces: readonly string[]): readonly string[] | undefined {
  const watcher = new PanicWatcher();
  for (const piece of pieces) watcher.observe(bytes(piece));
  return watcher.lines();
}

test('a console without a panic has none', () => {
  expect(watch('[    0.0] Linux version 6.12\r\n', 'Kernel command line: panic=-1\n', 'no end')).toBe(undefined);
});

test('a panic’s lines are kept from the announcement to the end, without line ends', () => {
  expect(watch(`before\r\n${panic.join('\r\n')}\r\nafter\r\n`)).toEqual(panic);
  expect(watch(`${panic.join('\r\n')}\r\nafter`)).toEqual(panic);
});

test('output may be cut anywhere', () => {
  expect(watch(...`x\r\n${panic.join('\r\n')}\r\n`.split(''))).toEqual(panic);
});

test('a reset may cut the last line, even the first of the panic', () => {
  expect(watch(`${panic[0]}\r\n${panic[1]!.slice(0, 40)}`)).toEqual([panic[0], panic[1]!.slice(0, 40)]);
  expect(watch('~ # [  1.0] Kernel panic - not syncing: Att')).toEqual(['~ # [  1.0] Kernel panic - not syncing: Att']);
});

test('of an endless panic only the first 100 lines are kept', () => {
  const lines = [panic[0]!, ...Array.from({ length: 300 }, (_, index) => `line ${index}`)];
  expect(watch(`${lines.join('\n')}\n`)).toEqual(lines.slice(0, 100));
});

test('a system that prints on for a thousand lines was only quoting a panic', () => {
  const text = `${panic.join('\n')}\n${'still alive\n'.repeat(1001)}`;
  expect(watch(text)).toBe(undefined);
  expect(watch(`${text}${panic.join('\n')}\n`)).toEqual(panic);
});

test('a line without end does not grow without bound', () => {
  expect(watch(`${panic[0]}${'x'.repeat(100_000)}\n`)?.[0]?.length).toBe(1024);
});
