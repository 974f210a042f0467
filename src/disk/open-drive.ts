// Opens a drive in the VM's worker: its source, and the overlay over it. A page that has none need not fetch any of it, nor the
// device.
import { DiskError } from '../../devices/disk/disk.ts';
import type { Disk } from '../../devices/disk/disk.ts';
import { MemoryDisk } from '../../devices/disk/memory.ts';
import { VirtioBlock } from '../../devices/virtio/block.ts';
import { VmError } from '../errors.ts';
import { isBlobSource, isMemorySource, nameOf } from '../vm-drives.ts';
import type { Drive, DriveSource } from '../vm-drives.ts';
import type { MachineDrive } from '../worker-machine.ts';
import { BlobDisk } from './blob.ts';
import type { DiskFile } from './disk-file.ts';
import { identify } from './identity.ts';
import { ImageDisk } from './image.ts';
import { OverlayDisk } from './overlay.ts';

export interface OpenedFile {
  readonly file: DiskFile;
  /** When it was last changed, in nanoseconds since 1970; 0 where nobody knows. */
  readonly time: bigint;
}

/**
 * Opens a file of the host and locks it: for one who writes to it, or for any who read it. With `isNew` it is made where it is
 * not there. Throws DiskError with what is wrong, or VmError.
 */
export type OpenFile = (
  source: DriveSource,
  how: { readonly readOnly: boolean; readonly isNew: boolean },
) => Promise<OpenedFile>;

/** Throws VmError 'bad-file' where the drive cannot be used. */
export async function openDrive(drive: Drive, openFile: OpenFile): Promise<MachineDrive> {
  /** Of what is written to: an overlay knows its base again by itself. */
  let changed = (): bigint => 0n;
  const disk = await openDisk(drive, async (source, how) => {
    const opened = await openFile(source, how);
    changed = () => opened.file.changed?.() ?? 0n;
    return opened;
  });
  const { serial, source } = drive;
  return {
    name: nameOf(source),
    makeDevice: (options) => new VirtioBlock({ ...options, disk, serial }),
    identify: async () => {
      await disk.flush();
      return identify(disk, changed());
    },
    close: () => disk.close(),
  };
}

/** As `openDrive`, without a device. */
export async function openDisk({ source, readOnly, overlay }: Drive, openFile: OpenFile): Promise<Disk> {
  const what = `drive ${nameOf(source)}`;
  const { disk, time } = await told(what, () => openSource(source, readOnly || overlay !== undefined, openFile));
  if (overlay === undefined) return disk;
  let file: DiskFile | undefined;
  try {
    return await told(`${what}, overlay ${nameOf(overlay)}`, async () => {
      ({ file } = await openFile(overlay, { readOnly, isNew: !readOnly }));
      return OverlayDisk.open({ base: disk, file, identity: await identify(disk, time), readOnly });
    });
  } catch (error) {
    await file?.close();
    await disk.close();
    throw error;
  }
}

async function openSource(
  source: DriveSource,
  readOnly: boolean,
  openFile: OpenFile,
): Promise<{ readonly disk: Disk; readonly time: bigint }> {
  if (isMemorySource(source)) return { disk: new MemoryDisk(source.bytes, { readOnly }), time: 0n };
  if (isBlobSource(source)) return { disk: new BlobDisk(source.blob), time: lastChange(source.blob) };
  const { file, time } = await openFile(source, { readOnly, isNew: false });
  try {
    return { disk: new ImageDisk(file, { readOnly }), time };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A File tells in milliseconds when it was changed; another Blob does not. */
function lastChange(blob: object): bigint {
  return 'lastModified' in blob && typeof blob.lastModified === 'number' ? BigInt(blob.lastModified) * 1_000_000n : 0n;
}

async function told<T>(what: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw error instanceof DiskError ? new VmError('bad-file', `${what}: ${error.message}`, { cause: error }) : error;
  }
}
