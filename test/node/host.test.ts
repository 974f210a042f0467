import { MessageChannel } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { NodeHost } from '../../src/node/host.ts';

const host = new NodeHost(new Int32Array(new SharedArrayBuffer(4)));

test('a turn delivers a message that waits', async () => {
  const { port1, port2 } = new MessageChannel();
  const received: unknown[] = [];
  port2.on('message', (message) => received.push(message));
  port1.postMessage('one');
  await host.turn();
  await host.turn();
  expect(received).toEqual(['one']);
  port1.close();
});

test('sleep ends at its time, or when it is woken', async () => {
  const start = host.now();
  await host.sleep(20.5).done;
  expect(host.now() - start).toBeGreaterThanOrEqual(20);
  const forever = host.sleep(Infinity);
  setImmediate(() => forever.wake());
  await forever.done;
  const long = host.sleep(2 ** 40);
  setImmediate(() => long.wake());
  await long.done;
  expect(host.now() - start).toBeLessThan(5000);
});

test('only a shared doorbell can be waited for', () => {
  expect(host.canBlock).toBe(true);
  expect(new NodeHost(new Int32Array(1)).canBlock).toBe(false);
});

test('wall time, randomness, gzip', async () => {
  expect(Math.abs(Number(host.wallNanoseconds() / 1_000_000n) - Date.now())).toBeLessThan(1000);
  const random = new Uint8Array(100_000);
  host.randomFill(random);
  expect(new Set(random).size).toBe(256);
  expect(Buffer.from(await host.gunzip(gzipSync('text'))).toString()).toBe('text');
  await expect(host.gunzip(Buffer.from('text'))).rejects.toThrow('header');
});
