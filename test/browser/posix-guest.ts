// A page that runs the guest of the POSIX suite, for test/posix/in-chromium.ts.
import { createVm, indexedDb, opfs, pickedFolder, type ShareSource, type Vm } from 'vm9/browser';
import { shareTag, type Outcome } from '../posix/machine.ts';

interface Order {
  readonly line: string;
  /** Base64. */
  readonly input?: string;
}

let vm: Vm | undefined;

/** A store has one owner, so each share has its own. */
async function sourceOf(backend: string, name: string): Promise<ShareSource> {
  if (backend === 'opfs') return opfs({ name });
  if (backend === 'indexeddb') return indexedDb({ name });
  if (backend !== 'picked-folder') throw new Error(`no backend ${backend}`);
  const root = await navigator.storage.getDirectory();
  return pickedFolder(await root.getDirectoryHandle(name, { create: true }));
}

async function start(backends: readonly string[]): Promise<void> {
  const shares = [];
  for (const backend of backends) {
    for (const cache of ['none', 'mmap'] as const) {
      const tag = shareTag(backend, cache === 'mmap');
      shares.push({ tag, source: await sourceOf(backend, tag), mount: 'none', cache });
    }
  }
  vm = createVm({ shares });
  await vm.start();
}

async function run({ line, input }: Order): Promise<Outcome> {
  if (vm === undefined) throw new Error('no guest was started');
  const stdin = input === undefined ? {} : { stdin: Uint8Array.from(atob(input), (byte) => byte.charCodeAt(0)) };
  const result = await vm.exec(line, { cwd: '/', ...stdin }).output();
  return {
    stdout: Array.from(result.stdout, (byte) => String.fromCharCode(byte)).join(''),
    stderr: new TextDecoder().decode(result.stderr),
    status: result.status,
  };
}

declare global {
  var startPosixGuest: typeof start;
  var runInPosixGuest: typeof run;
}
globalThis.startPosixGuest = start;
globalThis.runInPosixGuest = run;
