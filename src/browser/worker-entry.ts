// The dedicated worker of a VM in browsers.
import { Machine } from '../machine.ts';
import { serveVm } from '../worker.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import { BrowserHost } from './host.ts';
import { openPort } from './open-port.ts';
import { openShare } from './share-sources.ts';

let receive: (message: ToWorker) => void = () => undefined;
addEventListener('message', ({ data }: MessageEvent<ToWorker>) => receive(data));

serveVm({
  post: (message, transfer = []) => postMessage(message, [...transfer]),
  onMessage: (listener) => {
    receive = listener;
  },
  openPort,
  makeHost: (doorbell) => new BrowserHost(doorbell),
  openBackend: (source, { readOnly }) =>
    openShare(source, {
      readOnly,
      now: () => BigInt(Date.now()) * 1_000_000n,
      log: (line) => postMessage({ type: 'log', line } satisfies FromWorker),
    }),
  openDrive: async (drive) => (await import('./opfs-disk/open.ts')).openBrowserDrive(drive),
  makeMachine: (options) => new Machine(options),
});
