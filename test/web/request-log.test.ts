import { expect, test } from 'vitest';
import { RequestLog, everything } from '../../web/inspector/request-log.ts';
import type { RequestRecord } from '../../web/inspector/requests.ts';

function record(id: number, type: string, path: string, error?: 'ENOENT'): RequestRecord {
  return {
    id,
    time: id,
    share: 'host',
    path,
    chain: undefined,
    event: { tag: 0, type, request: {}, reply: {}, error, size: 7, replySize: 7, latency: 0, head: 0 },
  };
}

function filled(): RequestLog {
  const log = new RequestLog();
  log.add(record(1, 'Twalk', '/src/main.c'));
  log.add(record(2, 'Tgetattr', '/src/main.c'));
  log.add(record(3, 'Twalk', '/missing', 'ENOENT'));
  return log;
}

const ids = (log: RequestLog): number[] => log.shown.map(({ id }) => id);

test('all words of the text must occur, in any case of letters', () => {
  const log = filled();
  log.filter = { ...everything, text: 'MAIN twalk' };
  expect(ids(log)).toEqual([1]);
  log.filter = { ...everything, text: 'enoent' };
  expect(ids(log)).toEqual([3]);
});

test('type and errors filter too, and requests that come later are filtered alike', () => {
  const log = filled();
  log.filter = { ...everything, type: 'Twalk', errorsOnly: true };
  log.add(record(4, 'Twalk', '/also-missing', 'ENOENT'));
  log.add(record(5, 'Twalk', '/there'));
  expect(ids(log)).toEqual([3, 4]);
  log.filter = everything;
  expect(ids(log)).toEqual([1, 2, 3, 4, 5]);
});

test('only the newest are kept, in the filtered list as well', () => {
  const log = new RequestLog(100);
  log.filter = { ...everything, errorsOnly: true };
  for (let id = 1; id <= 1000; id++) log.add(record(id, 'Twalk', '/', id % 2 === 0 ? 'ENOENT' : undefined));
  expect(log.length).toBeLessThanOrEqual(125);
  expect(log.length + log.forgotten).toBe(1000);
  expect(ids(log).at(-1)).toBe(1000);
  expect(ids(log)[0]).toBeGreaterThanOrEqual(875);
  expect(ids(log)).toHaveLength(Math.floor(log.length / 2) + (log.length % 2));
});

test('clear forgets records and types', () => {
  const log = filled();
  expect(log.types).toEqual(['Tgetattr', 'Twalk']);
  log.clear();
  expect([log.length, ids(log), log.types]).toEqual([0, [], []]);
});
