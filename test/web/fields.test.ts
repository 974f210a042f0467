import { expect, test } from 'vitest';
import { fieldsOf, kindOf, modeText, openFlagsText, summaryOf } from '../../web/inspector/fields.ts';
import { bytesText, countText, durationText } from '../../web/ui/format.ts';

test('a mode reads as in ls -l', () => {
  expect(modeText(0o100644)).toBe('-rw-r--r--');
  expect(modeText(0o041777)).toBe('drwxrwxrwt');
  expect(modeText(0o104750)).toBe('-rwsr-x---');
  expect(modeText(0o120777)).toBe('lrwxrwxrwx');
});

test('open flags read by their names', () => {
  expect(openFlagsText(0)).toBe('RDONLY');
  expect(openFlagsText(0o1101)).toBe('WRONLY | CREATE | TRUNC');
});

test('fields keep the order of the message and say what they mean', () => {
  const names = [new TextEncoder().encode('a'), new TextEncoder().encode('b c')];
  expect(fieldsOf('Twalk', { fid: 1, newfid: 2, names })).toEqual([
    { name: 'fid', value: '1', meaning: '' },
    { name: 'newfid', value: '2', meaning: 'the fid that the walk makes' },
    { name: 'names', value: '“a” “b c”', meaning: '' },
  ]);
  const [qid, mode, mtime] = fieldsOf('Rgetattr', {
    qid: { type: 0x80, version: 0xab, path: 12n },
    mode: 0o40755,
    mtime: 1_700_000_000_000_000_000n,
  });
  expect(qid).toEqual({ name: 'qid', value: 'folder 12', meaning: 'version ab' });
  expect(mode).toEqual({ name: 'mode', value: '040755', meaning: 'drwxr-xr-x' });
  expect(mtime?.meaning).toBe('2023-11-14 22:13:20.000 UTC');
});

test('the summary of a request names what it asks in particular', () => {
  const event = { tag: 0, reply: {}, error: undefined, size: 0, replySize: 0, latency: 0, head: 0 };
  expect(summaryOf({ ...event, type: 'Tread', request: { fid: 3, offset: 4096, count: 100 } })).toBe(
    'offset 4096 · count 100',
  );
  expect(summaryOf({ ...event, type: 'Tlopen', request: { fid: 3, flags: 0o100000 } })).toBe('RDONLY | LARGEFILE');
  expect(summaryOf({ ...event, type: 'type 99', request: undefined })).toBe('');
});

test('every message has a kind', () => {
  expect([kindOf('Twalk'), kindOf('Twrite'), kindOf('Tunlinkat'), kindOf('Tversion')]).toEqual([
    'walk',
    'data',
    'change',
    'session',
  ]);
});

test('numbers as people read them', () => {
  expect([0, 999, 1000, 1536, 99_400, 99_600, 999_600, 3_434_040].map(bytesText)).toEqual([
    '0 B', '999 B', '1.0 KB', '1.5 KB', '99.4 KB', '100 KB', '1.0 MB', '3.4 MB',
  ]); // prettier-ignore
  expect([0.0854, 0.99999, 9.96, 999.6, 1234].map(durationText)).toEqual([
    '85 µs',
    '1.0 ms',
    '10 ms',
    '1.0 s',
    '1.2 s',
  ]);
  expect(countText(1234.4)).toBe('1,234');
});
