// Fetches the guest image: the two files of the package vm9-guest-images, wherever the page has put them.
import { isGzip } from '../gzip.ts';
import { VmError } from '../errors.ts';
import type { GuestImage, OnLoading } from '../platform.ts';
import { gunzip } from './gunzip.ts';

/** Addresses of the kernel and of the initial file system, gzipped or not. */
export interface ImageSources {
  readonly kernel: string | URL;
  readonly initrd: string | URL;
}

/** What has come of one file, and how much there is in all, once that is known. */
interface Loading {
  loaded: number;
  total: number | undefined;
}

/** Throws VmError 'bad-file'. Both are unpacked here: the guest would take half of its boot for it. */
export async function loadGuestImage(sources: ImageSources | undefined, onLoading: OnLoading): Promise<GuestImage> {
  const { kernel, initrd } = sources ?? besideThisModule();
  const files: Loading[] = [];
  const changed = (): void => {
    const loaded = files.reduce((sum, file) => sum + file.loaded, 0);
    const total = files.reduce<number | undefined>((sum, file) => add(sum, file.total), 0);
    onLoading(loaded, total);
  };
  const load = async (address: string | URL): Promise<Uint8Array> => {
    const loading: Loading = { loaded: 0, total: undefined };
    files.push(loading);
    try {
      return await unpacked(await fetchFile(address, loading, changed));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new VmError(
        'bad-file',
        `the guest image cannot be loaded from ${address} (${reason}): put the files of vm9-guest-images there, or name their place with the option 'image'`,
        { cause },
      );
    }
  };
  const [kernelBytes, initrdBytes] = await Promise.all([load(kernel), load(initrd)]);
  return { kernel: kernelBytes, initrd: initrdBytes };
}

function besideThisModule(): ImageSources {
  // Not written as bundlers look for it: they would want the files when they bundle.
  const { url } = import.meta;
  return {
    kernel: new URL('images/vmlinux-riscv64.gz', url),
    initrd: new URL('images/initramfs-riscv64.cpio.gz', url),
  };
}

/** Some hosts send a gzip file so that it arrives unpacked. */
function unpacked(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return isGzip(bytes) ? gunzip(bytes) : bytes;
}

function add(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}

async function fetchFile(address: string | URL, loading: Loading, onChange: () => void): Promise<Uint8Array> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  if (response.body === null) throw new Error('the server answers without content');
  const { headers } = response;
  // The length of an encoded answer is not that of what arrives here.
  const length = headers.has('Content-Encoding') ? null : headers.get('Content-Length');
  loading.total = length === null ? undefined : Number(length);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  // Not for await: Safari's streams cannot be iterated.
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    loading.loaded += part.value.length;
    onChange();
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
