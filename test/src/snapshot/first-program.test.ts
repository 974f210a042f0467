import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { beginsWithAgent } from '../../../src/snapshot/first-program.ts';
import { initialFilesWith, initialFilesWithInit } from '../../boot/initial-files.ts';

const builtIn = gunzipSync(
  readFileSync(new URL('../../../guest-images/images/initramfs-riscv64.cpio.gz', import.meta.url)),
);

test('the built-in system begins with the agent, also with files laid over it', () => {
  expect(beginsWithAgent(builtIn)).toBe(true);
  const content = Buffer.from('init');
  expect(beginsWithAgent(initialFilesWith([{ path: 'etc/init', mode: 0o100644, content }]))).toBe(true);
});

test('one that begins with another program does not, though the agent is in it', () => {
  expect(beginsWithAgent(initialFilesWithInit('exec /agent'))).toBe(false);
  const script = Buffer.from('#!/bin/sh\n# vm9-agent \n');
  expect(beginsWithAgent(initialFilesWith([{ path: 'init', mode: 0o100755, content: script }]))).toBe(false);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['zeros', Buffer.alloc(1000)],
  ['no archive', Buffer.from('vm9-agent '.repeat(100))],
  ['one that is cut short', builtIn.subarray(0, 1000)],
  [
    'a length that is no number',
    Buffer.concat([builtIn.subarray(0, 54), Buffer.from('zzzzzzzz'), builtIn.subarray(62)]),
  ],
  ['a packed one behind it', Buffer.concat([builtIn, Buffer.from([0x1f, 0x8b])])],
])('what cannot be read does not: %s', (_, archive) => {
  expect(beginsWithAgent(archive)).toBe(false);
});
