import { expect, test } from 'vitest';
import { BrowserHost } from '../../src/browser/host.ts';

const host = new BrowserHost(new Int32Array(new SharedArrayBuffer(4)));

test('a turn delivers a message that waits', async () => {
  const { port1, port2 } = new MessageChannel();
  const received: unknown[] = [];
  port2.addEventListener('message', ({ data }) => received.push(data));
  port2.start();
  port1.postMessage('one');
  await host.turn();
  await host.turn();
  expect(received).toEqual(['one']);
});

test('sleep ends at its time, or when it is woken', async () => {
  const start = host.now();
  await host.sleep(20.5).done;
  expect(host.now() - start).toBeGreaterThanOrEqual(20);
  const forever = host.sleep(Infinity);
  queueMicrotask(() => forever.wake());
  await forever.done;
});

test('only a shared doorbell can be waited for', () => {
  expect(host.canBlock).toBe(true);
  expect(new BrowserHost(new Int32Array(1)).canBlock).toBe(false);
});

test('wall time, randomness, gzip', async () => {
  expect(Math.abs(Number(host.wallNanoseconds() / 1_000_000n) - Date.now())).toBeLessThan(1000);
  const random = new Uint8Array(200_000);
  host.randomFill(random);
  expect(new Set(random.subarray(180_000)).size).toBe(256);
  const stream = new Blob(['text']).stream().pipeThrough(new CompressionStream('gzip'));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  expect(new TextDecoder().decode(await host.gunzip(packed))).toBe('text');
  await expect(host.gunzip(new TextEncoder().encode('text'))).rejects.toThrow(TypeError);
});
