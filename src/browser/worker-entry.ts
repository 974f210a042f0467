// The dedicated worker of a VM in browsers.
import { Machine } from '../machine.ts';
import { serveVm } from '../worker.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import { BrowserHost } from './host.ts';
import { openPort } from './open-port.ts';
import { isStored, openShare } from './share-sources.ts';

let receive: (message: ToWorker) => void = () => undefined;
addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  fetchAhead(data);
  receive(data);
});

/** Asks for what a machine will need before it is made, instead of one file after another. */
function fetchAhead(message: ToWorker): void {
  if (message.type === 'open' && message.setup.shares.some(({ source }) => isStored(source)))
    ahead(import('./stores.ts'));
  if (message.type === 'start' && message.setup.resume !== undefined) ahead(import('../snapshot/worker-side.ts'));
}

/** Who needs it asks again, and is told why it does not come. */
function ahead(fetched: Promise<unknown>): void {
  fetched.catch(() => undefined);
}

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
