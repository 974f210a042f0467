// A guest in a page that works on the files of a share, in one store of the browser after the other.
import { createVm, indexedDb, memory, opfs, pickedFolder } from 'vm9/browser';
import type { ShareSource } from 'vm9/browser';
import type { GuestOrder, GuestSamples } from '../../bench/store-figures.ts';

const mountPoint = '/mnt/host';

async function sourceOf(store: GuestOrder['store']): Promise<ShareSource> {
  if (store === 'memory') return memory();
  if (store === 'opfs') return opfs({ name: 'bench-guest' });
  if (store === 'indexeddb') return indexedDb({ name: 'bench-guest' });
  const root = await navigator.storage.getDirectory();
  return pickedFolder(await root.getDirectoryHandle('bench-guest', { create: true }));
}

/** What guest/files.c works on; see test/bench/file-operations.ts. */
async function fill(files: ReturnType<ReturnType<typeof createVm>['fs']>, program: Uint8Array): Promise<void> {
  for (const name of ['/many', '/small']) await files.mkdir(name, { recursive: true });
  for (let index = 0; index < 2000; index += 1) await files.writeFile(`/many/${index}`, '');
  for (let index = 0; index < 300; index += 1) await files.writeFile(`/small/${index}`, 'x'.repeat(1024));
  await files.writeFile('/big', new TextEncoder().encode('content '.repeat(2 ** 20)));
  await files.writeFile('/files', program, { mode: 0o755 });
}

async function measure({ store, mode, times }: GuestOrder): Promise<GuestSamples> {
  const response = await fetch('files');
  const vm = createVm({ shares: [{ source: await sourceOf(store), mount: 'none' }] });
  try {
    await fill(vm.fs(), new Uint8Array(await response.arrayBuffer()));
    await vm.start();
    const samples: Record<string, number[]> = {};
    // The first time warms what compiles as it runs.
    for (let time = 0; time <= times; time += 1) {
      const { stdout, stderr, status } = await vm
        .exec(
          `mkdir -p ${mountPoint} && mount -t 9p -o trans=virtio,version=9p2000.L,cache=${mode},msize=512000 host ${mountPoint} && ` +
            `cp ${mountPoint}/files /tmp/ && /tmp/files ${mountPoint} && umount ${mountPoint}`,
          { cwd: '/' },
        )
        .output();
      const text = new TextDecoder().decode(stdout);
      if (status !== 0) throw new Error(`the guest failed: ${new TextDecoder().decode(stderr)}`);
      for (const line of time === 0 ? [] : text.trimEnd().split('\n')) {
        const [operation = '', rate] = line.split(' ');
        (samples[operation] ??= []).push(Number(rate));
      }
    }
    return samples;
  } finally {
    await vm.dispose();
  }
}

declare global {
  var measureGuest: typeof measure;
}
globalThis.measureGuest = measure;
