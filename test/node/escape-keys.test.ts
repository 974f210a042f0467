import { expect, test } from 'vitest';
import { EscapeKeys, type EscapeAction } from '../../src/node/escape-keys.ts';

/** Types chunk by chunk. Returns what the guest is given, and what this program is to do. */
function typed(...chunks: string[]): { guest: string; actions: EscapeAction[] } {
  const keys = new EscapeKeys();
  const actions: EscapeAction[] = [];
  const guest = chunks.map((chunk) => Buffer.from(keys.feed(Buffer.from(chunk, 'latin1'), (act) => actions.push(act))));
  return { guest: Buffer.concat(guest).toString('latin1'), actions };
}

test('Ctrl-A x quits, and what is typed around it is the guest’s', () => {
  expect(typed('ls\r\x01xrest')).toEqual({ guest: 'ls\rrest', actions: ['quit'] });
});

test('Ctrl-A h asks for help', () => {
  expect(typed('\x01h')).toEqual({ guest: '', actions: ['help'] });
});

test('Ctrl-A twice, and Ctrl-A a, type one Ctrl-A', () => {
  expect(typed('\x01\x01b\x01ac')).toEqual({ guest: '\x01b\x01c', actions: [] });
});

test('Ctrl-A with another key is typed with it', () => {
  expect(typed('\x01e')).toEqual({ guest: '\x01e', actions: [] });
});

test('the key after Ctrl-A may come in the next chunk', () => {
  expect(typed('a\x01', 'x')).toEqual({ guest: 'a', actions: ['quit'] });
});

test('all other bytes pass, non-UTF-8 ones too', () => {
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).filter((byte) => byte !== '\x01');
  expect(typed(all.join('')).guest).toBe(all.join(''));
});
