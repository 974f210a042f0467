// The worker thread of a VM in Node.js.
import { parentPort } from 'node:worker_threads';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { Machine } from '../machine.ts';
import { serveVm } from '../worker.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import { isMemory } from '../memory-share.ts';
import { enableNewerWebAssembly } from './engine-flags.ts';
import { openDrive } from '../disk/open-drive.ts';
import { openHostFile } from './host-disk/open.ts';
import { openHostFolder } from './host-folder.ts';
import { NodeHost } from './host.ts';
import { openPort } from './open-port.ts';
import { HartSampler } from './profile/sampler.ts';

const port = parentPort;
if (port === null) throw new Error('this module is the worker of a VM: createVm starts it');

enableNewerWebAssembly();

let receive: (message: ToWorker) => void = () => undefined;
port.on('message', (message: ToWorker) => receive(message));

const said = new Set<string>();

/** Tells the main thread, once for all shares. */
function log(line: string): void {
  if (said.has(line)) return;
  said.add(line);
  port?.postMessage({ type: 'log', line } satisfies FromWorker);
}

serveVm({
  post: (message, transfer = []) => port.postMessage(message, [...transfer]),
  onMessage: (listener) => {
    receive = listener;
  },
  openPort,
  makeHost: (doorbell) => new NodeHost(doorbell),
  openBackend: async (source, options) =>
    isMemory(source)
      ? new MemoryBackend({ now: () => BigInt(Date.now()) * 1_000_000n })
      : openHostFolder(source, { ...options, log }),
  openDrive: (drive) => openDrive(drive, (source, how) => openHostFile(source, how)),
  makeMachine: (options) =>
    new Machine({ ...options, makeSampler: (hart, ram, tell) => new HartSampler(hart, ram, tell) }),
});
