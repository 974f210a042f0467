// A VM whose worker is this thread, without shared memory: tests can give it backends of their own.
import type { MessagePort } from 'node:worker_threads';
import type { Backend } from '../../devices/9p/backend.ts';
import type { Host } from '../../src/host.ts';
import { Machine } from '../../src/machine.ts';
import { NodeHost } from '../../src/node/host.ts';
import { openPort } from '../../src/node/open-port.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import type { Platform, WorkerHandle } from '../../src/platform.ts';
import { serveVm } from '../../src/worker.ts';
import type { FromWorker, ToWorker } from '../../src/worker-protocol.ts';

type MakeHost = (doorbell: Int32Array<ArrayBufferLike>) => Host;

const makeNodeHost: MakeHost = (doorbell) => new NodeHost(doorbell);

/** Runs machines in this thread. Every share that they have is `backend`. */
export function inThread(backend: Backend, makeHost = makeNodeHost): Platform {
  return { ...nodePlatform, sharedMemory: false, startWorker: () => startWorker(backend, makeHost) };
}

function startWorker(backend: Backend, makeHost: MakeHost): WorkerHandle {
  let toMain: (message: FromWorker) => void = () => undefined;
  let toWorker: (message: ToWorker) => void = () => undefined;
  serveVm({
    post: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => toMain(copy));
    },
    onMessage: (listener) => (toWorker = listener),
    makeHost,
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
