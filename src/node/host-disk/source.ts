// A file of this computer as a drive or an overlay: named in the main thread, opened in the VM's worker.
import { basename, resolve } from 'node:path';
import type { DriveSource } from '../../vm-drives.ts';

const kind = 'host-file';

export interface HostFileSource extends DriveSource {
  readonly kind: typeof kind;
  /** Absolute. */
  readonly path: string;
}

/**
 * A file of this computer, for the `source` of a drive, or for its `overlay`, which is made where there is none. It is looked
 * at when the machine starts.
 */
export function hostFile(path: string): HostFileSource {
  const absolute = resolve(path);
  return { kind, path: absolute, key: absolute, name: basename(absolute) };
}

export function isHostFile(source: DriveSource): source is HostFileSource {
  return source.kind === kind;
}
