// What every other test here stands on: a real browser, whose pages may share memory with their workers.
import { expect, test } from 'vitest';

test('the page is cross-origin isolated', () => {
  expect(crossOriginIsolated).toBe(true);
  expect(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer).toBeInstanceOf(SharedArrayBuffer);
});

test('a module worker shares memory with the page, and may block on it', async () => {
  const text = `
    onmessage = ({ data }) => {
      const outcome = Atomics.wait(data, 0, 0, 5000);
      postMessage({ outcome, isolated: crossOriginIsolated, value: Atomics.load(data, 0) });
    };
    postMessage('listening');`;
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const worker = new Worker(url, { type: 'module' });
  const word = new Int32Array(new SharedArrayBuffer(4));
  try {
    const answer = await new Promise((resolve, reject) => {
      worker.addEventListener('error', ({ message }) => reject(new Error(message)));
      worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (data !== 'listening') return resolve(data);
        worker.postMessage(word);
        setTimeout(() => {
          Atomics.store(word, 0, 7);
          Atomics.notify(word, 0);
        }, 20);
      });
    });
    // Whether the worker was already asleep when the word changed depends on the host's load.
    expect(answer).toEqual({ outcome: expect.stringMatching(/^(ok|not-equal)$/), isolated: true, value: 7 });
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
});

test('storage of the origin is there: OPFS and IndexedDB', async () => {
  const root = await navigator.storage.getDirectory();
  expect(root.kind).toBe('directory');
  expect(indexedDB).toBeInstanceOf(IDBFactory);
});
