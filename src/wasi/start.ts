// What a WASI program needs before it can run: its worker, ways to the shares, the folders it is given.
import { fileType } from '../../devices/9p/backend.ts';
import { run } from '../../devices/9p/coroutine.ts';
import { VmError } from '../errors.ts';
import type { Platform } from '../platform.ts';
import { ReplySlot, slotLength } from '../reply-slot.ts';
import { fileError } from '../share-error.ts';
import { pathOf, type OpenFiles } from '../share-files.ts';
import { bytesOf } from '../share-path.ts';
import type { ShareLease } from '../vm-share.ts';
import type { WasiFolder, WasiOptions, WasiStart } from './process.ts';
import type { PreopenSetup, WasiSetup } from './wasi-protocol.ts';
import type { Bytes } from '../../devices/ports.ts';

/** Bytes of a message at most. */
const messageSize = 256 * 1024;

/** What the VM does for its programs. */
export interface WasiHost {
  readonly platform: Platform;
  /** The tag of a share; of the first without one. Throws VmError 'bad-option' where there is none. */
  tagOf(share: string | undefined): string;
  connect(tag: string): Promise<OpenFiles>;
  lease(tag: string, readOnly: boolean, replies: SharedArrayBuffer): Promise<ShareLease>;
}

/** Rejects with VmError: 'bad-option', or what the share's files say of a folder. */
export async function prepareWasi(host: WasiHost, program: Bytes, options: WasiOptions): Promise<WasiStart> {
  const { args = [], name = 'program', env = {}, stdin = '', readOnly = false } = options;
  if (!host.platform.sharedMemory) {
    throw new VmError(
      'bad-option',
      'a WASI program needs shared memory to use a share: serve the page with COOP and COEP headers (cross-origin isolation)',
    );
  }
  const folders = Object.entries(options.preopens ?? { '/': {} }).map(([preopen, folder]) => {
    const { share, path = '/' }: WasiFolder = typeof folder === 'string' ? { share: folder } : folder;
    return { preopen, tag: host.tagOf(share), path };
  });
  const tags = [...new Set(folders.map(({ tag }) => tag))];
  for (const tag of tags) {
    await checkFolders(
      host,
      tag,
      folders.filter((folder) => folder.tag === tag).map(({ path }) => path),
    );
  }
  const leases: ShareLease[] = [];
  const release = async (): Promise<void> => {
    for (const lease of leases) await lease.release();
  };
  try {
    const shares: WasiSetup['shares'][number][] = [];
    for (const tag of tags) {
      const replies = new SharedArrayBuffer(slotLength(messageSize));
      const lease = await host.lease(tag, readOnly, replies);
      leases.push(lease);
      // A thread that ended without a word answers nobody: the program must not wait for ever.
      lease.onGone(() => new ReplySlot(replies).close());
      shares.push({ port: lease.port, doorbell: lease.doorbell, replies });
    }
    const preopens: PreopenSetup[] = folders.map(({ preopen, tag, path }) => {
      return { name: preopen, share: tags.indexOf(tag), path };
    });
    const taken = new Int32Array(new SharedArrayBuffer(4));
    const setup = { program, args: [name, ...args], env, stdin: bytesOf(stdin), shares, preopens, messageSize, taken };
    const worker = host.platform.startWasiWorker();
    return { worker, setup, transfer: shares.map(({ port }) => port), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Opens the share, and finds the folders in it: here the errors can still be told well. */
async function checkFolders(host: WasiHost, tag: string, paths: readonly string[]): Promise<void> {
  const { connection, files } = await host.connect(tag);
  try {
    for (const path of paths) {
      const { mode } = await run(files.at(pathOf(files, path), true, (fid) => files.attributes(fid)));
      if ((mode & fileType.mask) === fileType.folder) continue;
      throw new VmError('bad-file', `"${path}" of share "${tag}" is no folder that a program could be given`);
    }
  } catch (error) {
    throw fileError(error, 'preopen', paths.join('", "'));
  } finally {
    await connection.close();
  }
}
