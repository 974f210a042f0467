// The worker that the page starts before it knows its machine; here the browser is one that counts its workers.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WorkerAhead } from '../../web/machine/worker-ahead.ts';

let started: EventTarget[];

beforeEach(() => {
  started = [];
  vi.stubGlobal(
    'Worker',
    class extends EventTarget {
      constructor() {
        super();
        started.push(this);
      }
    },
  );
});

afterEach(() => vi.unstubAllGlobals());

test('the first machine has the worker that was started ahead, each other one of its own', () => {
  const workers = new WorkerAhead();
  workers.begin();
  expect(started).toHaveLength(1);
  expect([workers.take(), workers.take()]).toEqual(started);
  expect(started).toHaveLength(2);
});

test('one that has died meanwhile is given to nobody', () => {
  const workers = new WorkerAhead();
  workers.begin();
  started[0]!.dispatchEvent(new Event('error'));
  expect(workers.take()).toBe(started[1]);
});

test('a browser that starts none says so when a machine wants one', () => {
  vi.stubGlobal('Worker', function refuse() {
    throw new Error('no workers here');
  });
  const workers = new WorkerAhead();
  workers.begin();
  expect(workers.take).toThrow('no workers here');
});
