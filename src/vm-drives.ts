// The drives that a VM is made with: what they are, and what is refused before anything starts.
import type { Bytes } from '../devices/ports.ts';
import { VmError } from './errors.ts';
import { maximumShares } from './vm-options.ts';

/** Where the bytes of a drive are. Made by functions of the host's entry (`hostFile` in Node.js, `opfsFile` in browsers). */
export interface DriveSource {
  readonly kind: string;
  /** Tells it from others, for people. */
  readonly name?: string;
  /** Tells it from others, for certain: two drives must not write to one. */
  readonly key?: string;
}

/** Bytes that can only be read, whenever they are there: a Blob or File, of whichever host. */
export interface BlobLike {
  readonly size: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

export interface DriveOptions {
  /**
   * A raw image, of a multiple of 512 bytes. Bytes are copied, unless their memory is shared, and are gone with the VM. A Blob
   * needs `readOnly` or an `overlay`.
   */
  readonly source: DriveSource | Bytes | BlobLike;
  /** The guest cannot write to it. */
  readonly readOnly?: boolean;
  /** What the guest writes goes there, and the source stays as it is. It is made where there is none. */
  readonly overlay?: DriveSource;
  /** What the guest is told as a serial number: 20 bytes at most count. Default: the source's name. */
  readonly serial?: string;
}

/** A source that is no file: it is posted to the worker as it is. */
export interface MemorySource extends DriveSource {
  readonly kind: 'memory';
  readonly bytes: Bytes;
}

export interface BlobSource extends DriveSource {
  readonly kind: 'blob';
  readonly blob: BlobLike;
}

/** A drive as the worker is told of it. */
export interface Drive {
  readonly source: DriveSource;
  readonly readOnly: boolean;
  readonly overlay: DriveSource | undefined;
  readonly serial: string;
}

export const isMemorySource = (source: DriveSource): source is MemorySource => source.kind === 'memory';
export const isBlobSource = (source: DriveSource): source is BlobSource => source.kind === 'blob';

/** How a drive or its overlay is called in a message. */
export function nameOf({ key, name, kind }: DriveSource): string {
  return key ?? name ?? kind;
}

/** Fills in defaults and checks what can be checked before anything starts. Throws VmError 'bad-option'. */
export function planDrives(drives: readonly DriveOptions[], shares: number): Drive[] {
  const room = maximumShares - shares;
  if (drives.length > room) {
    const beside = shares === 0 ? '' : ` beside ${shares} share${shares === 1 ? '' : 's'}`;
    throw new VmError(
      'bad-option',
      `${drives.length} drives${beside}, but the machine has slots for ${room}: leave some out`,
    );
  }
  const planned = drives.map(({ source, readOnly = false, overlay, serial }, index) => {
    const from = sourceOf(source);
    if (isBlobSource(from) && !readOnly && overlay === undefined) {
      throw new VmError(
        'bad-option',
        `drive ${index}: a Blob cannot be written: make it readOnly, or give it an overlay`,
      );
    }
    return { source: from, readOnly, overlay, serial: serial ?? from.name ?? `drive${index}` };
  });
  checkUses(planned);
  return planned;
}

function sourceOf(source: DriveOptions['source']): DriveSource {
  if (source instanceof Uint8Array) {
    const inMemory: MemorySource = { kind: 'memory', bytes: source };
    return inMemory;
  }
  if ('kind' in source) return source;
  const name = 'name' in source && typeof source.name === 'string' ? { name: source.name } : {};
  const inBlob: BlobSource = { kind: 'blob', blob: source, ...name };
  return inBlob;
}

/** What is written to must be used only once, and by one drive. */
function checkUses(drives: readonly Drive[]): void {
  const uses = drives.flatMap(({ source, readOnly, overlay }) => [
    { of: source, isWritten: !readOnly && overlay === undefined },
    ...(overlay === undefined ? [] : [{ of: overlay, isWritten: !readOnly }]),
  ]);
  for (const [index, { of, isWritten }] of uses.entries()) {
    if (of.key === undefined) continue;
    const other = uses.find((use, at) => at !== index && use.of.kind === of.kind && use.of.key === of.key);
    if (other === undefined || !(isWritten || other.isWritten)) continue;
    throw new VmError(
      'bad-option',
      `${nameOf(of)} is used twice by the drives, and written to: give each drive a file of its own, or an overlay`,
    );
  }
}
