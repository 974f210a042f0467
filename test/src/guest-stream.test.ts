// The worker's end of a byte stream, where the main thread is slow.
import { expect, test } from 'vitest';
import { streamWindow } from '../../src/byte-window.ts';
import { GuestStream } from '../../src/guest-stream.ts';

function makeStream(): { stream: GuestStream; posted: number[]; calls: string[] } {
  const posted: number[] = [];
  const calls: string[] = [];
  const port = {
    write: (bytes: Uint8Array) => bytes.length,
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
  };
  const stream = new GuestStream({ port, post: (bytes) => posted.push(bytes.length), postCredit: () => undefined });
  return { stream, posted, calls };
}

test('what a guest has sent before it closes its port is posted before that is told, past the window', () => {
  const { stream, posted, calls } = makeStream();
  stream.fromGuest(new Uint8Array(streamWindow + 5));
  expect(calls).toEqual(['pause']);
  expect(posted.reduce((sum, length) => sum + length)).toBe(streamWindow);
  stream.closedByGuest();
  expect(posted.at(-1)).toBe(5);
});

test('what went past the window is credit that the next output has not', () => {
  const { stream, posted, calls } = makeStream();
  stream.fromGuest(new Uint8Array(streamWindow + 5));
  stream.flush();
  posted.length = 0;
  stream.fromGuest(new Uint8Array(10));
  stream.addCredit(5);
  expect(posted).toEqual([]);
  stream.addCredit(12);
  expect(posted).toEqual([10]);
  expect(calls).toEqual(['pause', 'pause', 'resume']);
});
