// A process that is killed while a guest changes its share; in numbers: test/conformance/killed.test.ts.
import { expect, it } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import { setUserId } from '../../../src/node/node-fs/modes.ts';
import { bytes } from '../../backend-suite/guest.ts';
import { HostFaults } from './host-faults.ts';
import { killAgainAndAgain } from './killed.ts';
import { capabilities, SharedFolder } from './shared-folder.ts';

const models = ['default', 'mapped'] as const;

it.runIf(capabilities.xattrs).each(models)(
  'a killed process of security=%s leaves what was done, and nothing half made',
  async (model) => {
    const { killed } = await killAgainAndAgain(model, 1, 4);
    expect(killed).toBeGreaterThan(0);
  },
);

it.runIf(capabilities.xattrs).each(models)(
  'a change of the owner that breaks off anywhere has taken SUID before: security=%s',
  async (model) => {
    const security = { model };
    const faults = new HostFaults();
    try {
      for (let step = 0, hasFailed = true; hasFailed; step++) {
        const share = new SharedFolder({ security });
        const { guest, backend } = share;
        const root = await guest.root();
        const { node, file } = backend.create(root, bytes('tool'), openFlags.readWrite, 0o4755, {
          uid: 1000,
          gid: 1000,
        });
        await backend.release(file);
        faults.arm(step, 'EIO');
        try {
          backend.setattr(node, { uid: 0, gid: 0 });
        } catch (error) {
          if (!(error instanceof Errno)) throw error;
        }
        ({ hasFailed } = faults);
        faults.disarm();
        // As the next process sees it.
        const next = NodeFsBackend.open(share.path, { readOnly: true, security });
        const top = next.root();
        const found = next.lookup(top, bytes('tool'))!;
        const { mode, uid, gid } = next.getattr(found);
        if ((mode & setUserId) !== 0) expect([uid, gid]).toEqual([1000, 1000]);
        if (!hasFailed) expect([mode, uid, gid]).toEqual([0o100755, 0, 0]);
        await next.close();
        backend.forget(node);
        await guest.leave();
        await share.dispose();
      }
    } finally {
      faults.dispose();
    }
  },
);
