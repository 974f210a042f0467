// The main-thread side of a VM in Node.js: worker threads, and the guest image from its package.
import { randomFillSync } from 'node:crypto';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Platform } from '../platform.ts';
import type { FromWasi, ToWasi } from '../wasi/wasi-protocol.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import { loadGuestImage } from './images.ts';
import { MachineProgram, startMachineThread } from './machine-thread.ts';
import { NodeWorker } from './node-worker.ts';
import { openPort } from './open-port.ts';
import { after } from './timer.ts';

/** They are beside this module when it is built. */
const program = new MachineProgram(new URL('./worker.cjs', import.meta.url));
const workerStart = new URL('./worker-start.cjs', import.meta.url);
const wasiWorker = new URL('./wasi-worker.js', import.meta.url);

export const nodePlatform: Platform = {
  startWorker: () => startMachineThread(program, workerStart),
  startWasiWorker: () => new NodeWorker<ToWasi, FromWasi>(new Worker(wasiWorker, { name: 'vm9 wasi' })),
  makeChannel: (onMessage) => {
    const { port1, port2 } = new MessageChannel();
    const end = openPort(port1, onMessage);
    port1.unref();
    return { end, port: port2 };
  },
  makePorts: () => {
    const { port1, port2 } = new MessageChannel();
    return { port: port1, peer: port2 };
  },
  loadGuestImage,
  randomFill: (bytes) => void randomFillSync(bytes),
  now: () => performance.now(),
  after,
  fillAhead: async (file, memoryBytes) => {
    const { fillAhead } = await import('../snapshot/fill-ahead.ts');
    const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    return fillAhead(file, memoryBytes, { zlib: () => import('./zlib.ts'), turn });
  },
  sharedMemory: true,
};

/** With a thread that was started ahead, for the first machine that wants one; `beforeEnd` is awaited before it is ended. */
export function platformWith(thread: Worker | undefined, beforeEnd: () => Promise<void>): Platform {
  let ahead = thread;
  const takeWorker = (): Worker | undefined => {
    const worker = ahead;
    ahead = undefined;
    return worker;
  };
  return {
    ...nodePlatform,
    startWorker: () => {
      const worker = takeWorker();
      return worker === undefined
        ? nodePlatform.startWorker()
        : new NodeWorker<ToWorker, FromWorker>(worker, beforeEnd);
    },
  };
}
