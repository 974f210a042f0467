// The host fails in the middle of anything: whatever message it was, and whichever of its system calls, the guest is told,
// and no node, no open file and no descriptor is lost.
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ErrnoName } from '../../../devices/9p/errno.ts';
import { Server } from '../../../devices/9p/server.ts';
import type { NodeFsOptions } from '../../../src/node/node-fs/backend.ts';
import { Client } from '../../devices/9p/client.ts';
import type { Message } from '../../devices/9p/client.ts';
import { everyMessage, takeFids } from '../../devices/9p/every-message.ts';
import { HostFaults } from './host-faults.ts';
import { capabilities, SharedFolder } from './shared-folder.ts';

/** What a disk, a quota, another user and a limit of the process do. */
const errors: readonly ErrnoName[] = ['EIO', 'ENOSPC', 'EACCES', 'EMFILE'];

let faults: HostFaults;

beforeEach(() => {
  faults = new HostFaults();
});

afterEach(() => faults.dispose());

function furnish(share: string): void {
  writeFileSync(join(share, 'file'), 'contents');
  mkdirSync(join(share, 'folder'));
  mkdirSync(join(share, 'folder', 'inner'));
  writeFileSync(join(share, 'folder', 'inner', 'deep'), 'deep contents');
  symlinkSync('file', join(share, 'link'));
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Whether the call that was to fail came. */
async function failsAt(
  message: Message,
  step: number,
  error: ErrnoName,
  options: Partial<NodeFsOptions> = {},
): Promise<boolean> {
  const descriptors = openDescriptors();
  const share = new SharedFolder(options, furnish);
  const handles = share.handles();
  const server = new Server({ backend: share.backend });
  const client = await Client.attached(server);
  await takeFids(client);
  faults.arm(step, error);
  const reply = await client.send(message);
  const { hasFailed } = faults;
  faults.disarm();
  expect(reply.name).toMatch(/^R/);
  server.reset();
  expect(server.fidCount).toBe(0);
  expect(share.handles()).toBe(handles);
  await share.dispose();
  expect(openDescriptors()).toBe(descriptors);
  return hasFailed;
}

test.each(everyMessage.map((message, place) => ({ name: `${message.name} (${place})`, message })))(
  "$name: a failure of any of the host's calls loses nothing",
  async ({ message }) => {
    for (let step = 0; ; step++) {
      // One error a step, in turn: what matters is the call, and each message comes by each error.
      const error = errors[step % errors.length] as ErrnoName;
      if (!(await failsAt(message, step, error))) return;
    }
  },
);

/** Made in several steps, before there is a name. */
const making = everyMessage.filter(({ name }) => ['Tlcreate', 'Tmknod', 'Tsymlink', 'Tmkdir'].includes(name));

test.runIf(capabilities.xattrs).each(making.map((message, place) => ({ name: `${message.name} (${place})`, message })))(
  "$name with security=mapped: a failure of any of the host's calls loses nothing",
  async ({ message }) => {
    for (let step = 0; ; step++) {
      const error = errors[step % errors.length] as ErrnoName;
      if (!(await failsAt(message, step, error, { security: { model: 'mapped' } }))) {
        expect(step).toBeGreaterThan(5);
        return;
      }
    }
  },
);
