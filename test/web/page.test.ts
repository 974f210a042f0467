// What the page decides without a page around it.
import { expect, test } from 'vitest';
import { contentOf, hexDump } from '../../web/files/content.ts';
import { isInside, joinPath, nameOf, nameProblem, parentOf } from '../../web/files/paths.ts';
import { BootFollower } from '../../web/machine/boot-steps.ts';
import { pageOptions } from '../../web/page-options.ts';
import { splitArguments } from '../../web/wasi/arguments.ts';

test('the address says where the folder is kept and how much memory there is', () => {
  expect(pageOptions('')).toEqual({ store: 'storage', memory: 256, transport: 'mmio', cold: false });
  expect(pageOptions('?store=indexeddb&memory=128&transport=pci&cold')).toEqual({
    store: 'indexeddb',
    memory: 128,
    transport: 'pci',
    cold: true,
  });
  expect(() => pageOptions('?store=floppy')).toThrow('store=floppy in the address is none of storage,');
  expect(() => pageOptions('?transport=usb')).toThrow('transport=usb in the address');
  expect(() => pageOptions('?memory=lots')).toThrow('memory=lots in the address');
});

test('paths', () => {
  expect([joinPath('/', 'a'), joinPath('/a', 'b'), parentOf('/a'), parentOf('/a/b'), nameOf('/a/b')]).toEqual([
    '/a', '/a/b', '/', '/a', 'b',
  ]); // prettier-ignore
  expect([isInside('/a/b', '/a'), isInside('/ab', '/a'), isInside('/a', '/'), isInside('/', '/')]).toEqual([
    true, false, true, false,
  ]); // prettier-ignore
  expect(['', '..', 'a/b', 'ü'.repeat(128)].map(nameProblem)).not.toContain(undefined);
  expect(nameProblem('a file.txt')).toBeUndefined();
});

test('text is UTF-8 without NULs; a cut file may end within a character', () => {
  const bytes = new TextEncoder().encode('grün');
  expect(contentOf(bytes, bytes.length)).toEqual({ kind: 'text', text: 'grün', editable: true });
  expect(contentOf(bytes.subarray(0, 3), 5)).toEqual({ kind: 'text', text: 'gr', editable: false });
  expect(contentOf(bytes.subarray(0, 3), 3).kind).toBe('bytes');
  expect(contentOf(new Uint8Array([65, 0, 66]), 3).kind).toBe('bytes');
  expect(hexDump(new Uint8Array([0x41, 0, 0xff]))).toBe(`000000  ${'41 00 ff'.padEnd(47)}  A··`);
});

test('the way to a shell: bytes of the image, then stage after stage', () => {
  const follower = new BootFollower();
  follower.follow({ stage: 'image', milliseconds: 10, loaded: 1000, total: 4000 });
  expect(follower.progress.download).toEqual({ loaded: 1000, total: 4000 });
  expect(follower.progress.fraction).toBeCloseTo(0.1);
  follower.follow({ stage: 'image', milliseconds: 100 });
  follower.follow({ stage: 'machine', milliseconds: 150 });
  const { steps, download, fraction } = follower.progress;
  expect(download).toBeUndefined();
  expect(fraction).toBeCloseTo(0.5);
  expect(steps.map(({ stage, state, took }) => [stage, state, took])).toEqual([
    ['image', 'done', 100],
    ['machine', 'done', 50],
    ['kernel', 'current', undefined],
    ['agent', 'waiting', undefined],
    ['shares', 'waiting', undefined],
  ]);
});

test('a line is split into arguments as a shell would', () => {
  expect(splitArguments(`a  "b c" 'd "e' f\\ g "h\\"i" ""`)).toEqual(['a', 'b c', 'd "e', 'f g', 'h"i', '']);
  expect(splitArguments('  ')).toEqual([]);
});
