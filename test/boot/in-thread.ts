// A VM whose worker is this thread, without shared memory: tests can give it backends of their own.
import type { MessagePort } from 'node:worker_threads';
import type { Backend } from '../../devices/9p/backend.ts';
import { Machine } from '../../src/machine.ts';
import { NodeHost } from '../../src/node/host.ts';
import { openPort } from '../../src/node/open-port.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import type { Platform, WorkerHandle } from '../../src/platform.ts';
import { serveVm } from '../../src/worker.ts';
import type { FromWorker, ToWorker } from '../../src/worker-protocol.ts';

/** Runs machines in this thread. Every share that they have is `backend`. */
export function inThread(backend: Backend): Platform {
  return { ...nodePlatform, sharedMemory: false, startWorker: () => startWorker(backend) };
}

function startWorker(backend: Backend): WorkerHandle {
  let toMain: (message: FromWorker) => void = () => undefined;
  let toWorker: (message: ToWorker) => void = () => undefined;
  serveVm({
    post: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => toMain(copy));
    },
    onMessage: (listener) => (toWorker = listener),
    makeHost: (doorbell) => new NodeHost(doorbell),
    openPort,
    openBackend: () => Promise.resolve(backend),
    openDrive: () => Promise.reject(new Error('no drives here')),
    makeMachine: (options) => new Machine(options),
  });
  return {
    post: (message, transfer = []) => {
      const copy = structuredClone(message, { transfer: transfer as MessagePort[] });
      setImmediate(() => toWorker(copy));
    },
    onMessage: (listener) => (toMain = listener),
    onFailure: () => undefined,
    setAwaited: () => undefined,
    terminate: () => Promise.resolve(),
  };
}
