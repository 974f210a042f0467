import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamWindow, WindowReceiver, WindowSender, WindowWriter } from '../../src/byte-window.ts';

test('a sender posts no more than its window', () => {
  let posted = 0;
  const sender = new WindowSender((bytes) => (posted += bytes.length));
  expect(sender.write(new Uint8Array(streamWindow + 10))).toBe(streamWindow);
  expect(sender.write(new Uint8Array(1))).toBe(0);
  sender.addCredit(3);
  expect(sender.write(new Uint8Array(10))).toBe(3);
  expect(posted).toBe(streamWindow + 3);
});

test('posted bytes are copies', () => {
  const posted: Uint8Array[] = [];
  const sender = new WindowSender((bytes) => posted.push(bytes));
  const buffer = Uint8Array.of(1, 2, 3);
  sender.write(buffer);
  buffer.fill(9);
  expect(posted).toEqual([Uint8Array.of(1, 2, 3)]);
});

test('a writer that is closed lets go of whoever waits', async () => {
  const writer = new WindowWriter(new WindowSender(() => undefined));
  const waiting = writer.write(new Uint8Array(streamWindow + 1));
  writer.close();
  await waiting;
  expect(writer.write(new Uint8Array(1))).toBeUndefined();
});

test('nothing is lost or reordered, the window is kept, and credit never runs dry', () => {
  const step = fc.oneof(
    fc.record({ write: fc.integer({ min: 1, max: streamWindow * 2 }) }),
    fc.record({ consume: fc.integer({ min: 1, max: streamWindow }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const received: number[] = [];
      const arrived: Uint8Array[] = [];
      let underWay = 0;
      const receiver = new WindowReceiver((count) => {
        underWay -= count;
        sender.addCredit(count);
      });
      const sender = new WindowSender((bytes) => {
        underWay += bytes.length;
        expect(underWay).toBeLessThanOrEqual(streamWindow);
        arrived.push(bytes);
        receiver.arrived(bytes.length);
      });
      const writer = new WindowWriter(sender);
      const consume = (most: number): void => {
        for (let left = most; left > 0 && arrived.length > 0;) {
          const bytes = arrived.shift() ?? new Uint8Array();
          const taken = bytes.subarray(0, left);
          // One number for a run of bytes: each write below has its own value.
          received.push(taken.length, taken[0] ?? 0);
          if (taken.length < bytes.length) arrived.unshift(bytes.subarray(taken.length));
          left -= taken.length;
          receiver.consumed(taken.length);
        }
      };
      const sent: number[] = [];
      for (const [index, action] of steps.entries()) {
        if ('consume' in action) consume(action.consume);
        else {
          const value = index % 251;
          sent.push(action.write, value);
          void writer.write(new Uint8Array(action.write).fill(value));
        }
      }
      while (arrived.length > 0) consume(streamWindow);
      expect(runs(received)).toEqual(runs(sent));
    }),
    { numRuns: 100 },
  );
});

/** Joins neighbouring runs (length, value) of one value. */
function runs(pairs: readonly number[]): number[][] {
  const joined: number[][] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const [length = 0, value = 0] = pairs.slice(at);
    const last = joined.at(-1);
    if (last?.[1] === value) last[0] = (last[0] ?? 0) + length;
    else joined.push([length, value]);
  }
  return joined;
}
