// A folder of the host for a test, and a backend that shares it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Errno } from '../../../devices/9p/errno.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import type { NodeFsOptions } from '../../../src/node/node-fs/backend.ts';
import { loadNative } from '../../../src/node/node-fs/load-native.ts';
import type { Capabilities, Harness } from '../../backend-suite.ts';
import { bytes, Guest } from '../../backend-suite/guest.ts';

export class SharedFolder implements Harness {
  /** A folder of the test's own; the share and what is outside of it are below. */
  readonly place: string;
  /** What is shared. */
  readonly path: string;
  readonly backend: NodeFsBackend;
  readonly guest: Guest;
  readonly handles: () => number;

  constructor(options: Partial<NodeFsOptions> = {}, prepare: (share: string) => void = () => undefined) {
    this.place = mkdtempSync(join(tmpdir(), 'vm9-node-fs-'));
    this.path = join(this.place, 'share');
    mkdirSync(this.path);
    prepare(this.path);
    const backend = NodeFsBackend.open(this.path, { readOnly: false, ...options });
    this.backend = backend;
    this.guest = new Guest(backend);
    this.handles = () => backend.handleCount;
  }

  async dispose(): Promise<void> {
    await this.backend.close();
    rmSync(this.place, { recursive: true, force: true });
  }
}

/** What there is without the native calls: libuv before 1.52 cuts times to microseconds. */
export const plainCapabilities: Capabilities = {
  timeTolerance: 999n,
  chown: false,
  specials: false,
  setIds: false,
  exchange: false,
  changesOrphans: true,
  xattrs: false,
};

/** Whether the native calls can be had here. */
export const hasNative =
  loadNative((line) => {
    throw new Error(line);
  }) !== undefined;

/** Whether the file system of temporary folders keeps extended attributes. */
function keepsXattrs(): boolean {
  const share = new SharedFolder();
  try {
    const root = share.backend.root();
    share.backend.setxattr(root, bytes('user.x'), bytes('1'), 0);
    share.backend.forget(root);
    return true;
  } catch (error) {
    if (error instanceof Errno && error.code === 'EOPNOTSUPP') return false;
    throw error;
  } finally {
    void share.dispose();
  }
}

/** With extended attributes everything is kept but special files. */
const hasXattrs = hasNative && keepsXattrs();

export const capabilities: Capabilities = hasNative
  ? { ...plainCapabilities, timeTolerance: 0n, exchange: true, xattrs: hasXattrs, chown: hasXattrs, setIds: hasXattrs }
  : plainCapabilities;

/** Of `security=mapped`. */
export const mappedCapabilities: Capabilities = { ...capabilities, specials: true };
