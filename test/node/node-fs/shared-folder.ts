// A folder of the host for a test, and a backend that shares it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import type { NodeFsOptions } from '../../../src/node/node-fs/backend.ts';
import type { Capabilities, Harness } from '../../backend-suite.ts';
import { Guest } from '../../backend-suite/guest.ts';

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

/** libuv before 1.52 cuts times to microseconds. */
export const capabilities: Capabilities = {
  timeTolerance: 999n,
  chown: false,
  specials: false,
  exchange: false,
  changesOrphans: true,
  xattrs: false,
};
