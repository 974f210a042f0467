// Nothing outside of the share is ever reached: not by names, not by links, not by folders that are swapped or moved while
// an operation is under way.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import type { Node } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import { bytes, Guest, nobodySpecial, refused, typeOf } from '../../backend-suite/guest.ts';
import { SharedFolder } from './shared-folder.ts';

const { readOnly, readWrite, writeOnly, truncate } = openFlags;
/** Longer than a kept descriptor is trusted. */
const longEnough = 5;

/** How often the folder is to be met as it was, and as something else; on a slow machine a fifth will do. */
const often = 50;

/** What the operations below try to reach, in the share and outside of it. */
function furnish(folder: string, content: string): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'file'), content);
  writeFileSync(join(folder, 'victim'), content);
  mkdirSync(join(folder, 'folder'));
  symlinkSync(content, join(folder, 'link'));
  chmodSync(join(folder, 'file'), 0o644);
}

/** All that an operation could have changed. */
function state(folder: string): unknown {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const { mode, mtimeMs, ctimeMs, ino, nlink } = statSync(join(folder, name), { throwIfNoEntry: false }) ?? {};
      return [name, mode, mtimeMs, ctimeMs, ino, nlink];
    });
}

/** A backend, and somebody who gives everything back to it. */
type Shared = Pick<SharedFolder, 'backend' | 'guest'>;

type Operation = (share: Shared, folder: Node, round: number) => unknown;

function fileIn({ backend, guest }: Shared, folder: Node, name: string): Node {
  const node = backend.lookup(folder, bytes(name));
  if (node === undefined) throw new Errno('ENOENT');
  return guest.keep(node);
}

/** Makes what the host's swapping may have lost. */
function make(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Errno) || error.code !== 'EEXIST') throw error;
  }
}

/** Everything that a guest can do in a folder. */
const operations: Readonly<Record<string, Operation>> = {
  lookup: (share, folder) => share.backend.getattr(fileIn(share, folder, 'file')).ino,
  read: (share, folder) => {
    const file = share.backend.open(fileIn(share, folder, 'file'), readOnly);
    const into = new Uint8Array(20);
    const count = share.backend.read(file, 0, [into]);
    void share.backend.release(file);
    return Buffer.from(into.subarray(0, count)).toString();
  },
  write: (share, folder) => {
    const file = share.backend.open(fileIn(share, folder, 'file'), writeOnly);
    share.backend.write(file, 0, [bytes('inside')]);
    void share.backend.release(file);
  },
  'open and truncate': (share, folder) => {
    void share.backend.release(share.backend.open(fileIn(share, folder, 'file'), writeOnly | truncate));
  },
  truncate: (share, folder) => share.backend.setattr(fileIn(share, folder, 'file'), { size: 6 }),
  chmod: (share, folder) => share.backend.setattr(fileIn(share, folder, 'file'), { mode: 0o600 }),
  'set times': (share, folder) => share.backend.setattr(fileIn(share, folder, 'file'), { mtime: 1n }),
  create: (share, folder, round) => {
    const { node, file } = share.backend.create(folder, bytes(`made-${round}`), readWrite, 0o644, nobodySpecial);
    share.guest.keep(node);
    void share.backend.release(file);
  },
  mknod: (share, folder, round) =>
    share.guest.keep(share.backend.mknod(folder, bytes(`node-${round}`), fileType.file | 0o644, 0n, nobodySpecial)),
  mkdir: (share, folder, round) =>
    share.guest.keep(share.backend.mkdir(folder, bytes(`below-${round}`), 0o755, nobodySpecial)),
  symlink: (share, folder, round) =>
    share.guest.keep(share.backend.symlink(folder, bytes(`link-${round}`), bytes('x'), nobodySpecial)),
  link: (share, folder, round) => {
    share.backend.link(fileIn(share, folder, 'file'), folder, bytes(`second-${round}`));
    share.backend.unlink(folder, bytes(`second-${round}`), false);
  },
  unlink: (share, folder) => {
    make(() =>
      share.guest.keep(share.backend.mknod(folder, bytes('victim'), fileType.file | 0o644, 0n, nobodySpecial)),
    );
    share.backend.unlink(folder, bytes('victim'), false);
  },
  rmdir: (share, folder) => {
    make(() => share.guest.keep(share.backend.mkdir(folder, bytes('folder'), 0o755, nobodySpecial)));
    share.backend.unlink(folder, bytes('folder'), true);
  },
  rename: (share, folder) => {
    make(() =>
      share.guest.keep(share.backend.mknod(folder, bytes('victim'), fileType.file | 0o644, 0n, nobodySpecial)),
    );
    share.backend.rename(folder, bytes('victim'), folder, bytes('renamed'), 0);
  },
  readlink: (share, folder) => Buffer.from(share.backend.readlink(fileIn(share, folder, 'link'))).toString(),
  readdir: (share, folder) => {
    const file = share.backend.open(folder, readOnly);
    const names: string[] = [];
    share.backend.readdir(file, 0n, ({ name }) => names.push(Buffer.from(name).toString()) > 0);
    void share.backend.release(file);
    return names.join();
  },
  statfs: (share, folder) => share.backend.statfs(folder).type,
};

/** A process that swaps share/swapped, a folder, for a link to the folder outside, again and again until it is ended. */
const swapper = `
  const fs = require('node:fs');
  const [share, outside] = process.argv.slice(1);
  const swapped = share + '/swapped', aside = share + '/aside';
  process.send('ready');
  for (;;) {
    fs.renameSync(swapped, aside);
    fs.symlinkSync(outside, swapped);
    fs.unlinkSync(swapped);
    fs.renameSync(aside, swapped);
  }`;

describe('a folder that the host swaps for a link to the outside', () => {
  let share: SharedFolder;
  /** The same folder without the native calls, by which few operations differ. */
  let plain: Shared;
  let outside: string;
  let child: ChildProcess;
  let ended: Promise<unknown>;

  // One process swaps for all of the tests, as none of them may change what is outside.
  beforeAll(async () => {
    share = new SharedFolder({}, (path) => furnish(join(path, 'swapped'), 'inside'));
    const backend = NodeFsBackend.open(share.path, { readOnly: false, native: false });
    plain = { backend, guest: new Guest(backend) };
    outside = join(share.place, 'outside');
    furnish(outside, 'outside');
    child = spawn(process.execPath, ['-e', swapper, share.path, outside], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    ended = once(child, 'exit');
    await once(child, 'message');
  });

  afterEach(async () => {
    await share.guest.leave();
    await plain.guest.leave();
  });

  afterAll(async () => {
    child.kill('SIGKILL');
    await ended;
    await plain.backend.close();
    await share.dispose();
  });

  /**
   * Tries until both have happened often: the folder was there, and it was not. A guest that lets go of everything before each
   * attempt comes to what is kept of folders that nobody refers to.
   */
  async function attempt(shared: Shared, operation: Operation, letsGo = false): Promise<void> {
    const before = state(outside);
    const results = new Set<unknown>();
    let reached = 0;
    let turnedAway = 0;
    const start = performance.now();
    const isEnough = (): boolean => {
      const least = Math.min(reached, turnedAway);
      const time = performance.now() - start;
      return least >= often || (least > often / 5 && time > 500) || time > 10_000;
    };
    for (let round = 0; !isEnough(); round++) {
      if (letsGo) await shared.guest.leave();
      try {
        const folder = fileIn(shared, shared.guest.keep(shared.backend.root()), 'swapped');
        results.add(operation(shared, folder, round));
        reached++;
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        turnedAway++;
      }
    }
    expect(state(outside)).toEqual(before);
    expect([...results].filter((result) => String(result).includes('outside'))).toEqual([]);
    expect(reached).toBeGreaterThan(often / 5);
    expect(turnedAway).toBeGreaterThan(often / 5);
  }

  it.each(Object.entries(operations))('is not followed by %s', (_, operation) => attempt(share, operation));

  it.each(['lookup', 'read', 'write', 'create', 'readlink', 'rename'])(
    'is not followed by %s of a guest that has let go of it',
    (what) => {
      const operation = operations[what];
      if (operation === undefined) throw new Error(`no operation ${what}`);
      return attempt(share, (shared, folder, round) => operation(shared, folder, 2_000_000 + round), true);
    },
  );

  it.each(['lookup', 'readdir', 'create'])('is not followed without native calls either: %s', (what) => {
    const operation = operations[what];
    if (operation === undefined) throw new Error(`no operation ${what}`);
    // Names that the other tests have not made.
    return attempt(plain, (shared, folder, round) => operation(shared, folder, 1_000_000 + round));
  });
});

describe('a folder that the host moves out of the share', () => {
  let share: SharedFolder;
  let outside: string;

  beforeEach(() => {
    share = new SharedFolder({}, (path) => {
      mkdirSync(join(path, 'above'));
      furnish(join(path, 'above', 'moved'), 'inside');
    });
    outside = join(share.place, 'outside');
  });

  afterEach(async () => {
    await share.guest.leave();
    await share.dispose();
  });

  for (const [what, operation] of Object.entries(operations)) {
    it(`is out of reach of ${what}`, async () => {
      const folder = await share.guest.at('above/moved');
      operation(share, folder, 0);
      renameSync(join(share.path, 'above'), outside);
      const before = state(outside);
      await sleep(longEnough);
      await refused(() => operation(share, folder, 1), 'ESTALE', 'ENOENT');
      expect(state(outside)).toEqual(before);
    });
  }

  it('is out of reach however deep in it the guest is', async () => {
    const { backend, guest } = share;
    let folder = await guest.at('above/moved');
    // Where the kernel's path is looked at, instead of each name on the way (descriptor-walk.ts).
    for (const name of ['1', '2', '3', '4', '5'])
      folder = guest.keep(backend.mkdir(folder, bytes(name), 0o755, nobodySpecial));
    guest.keep(backend.mkdir(folder, bytes('folder'), 0o755, nobodySpecial));
    for (const place of [outside, join(share.path, 'renamed')]) {
      await sleep(longEnough);
      expect(typeOf(backend.getattr(fileIn(share, folder, 'folder')))).toBe(fileType.folder);
      renameSync(join(share.path, 'above'), place);
      await sleep(longEnough);
      const before = state(place);
      for (let attempt = 0; attempt < 2; attempt++) {
        await refused(() => backend.lookup(folder, bytes('folder')), 'ESTALE', 'ENOENT');
        await refused(() => backend.mkdir(folder, bytes('new'), 0o755, nobodySpecial), 'ESTALE', 'ENOENT');
      }
      expect(state(place)).toEqual(before);
      renameSync(place, join(share.path, 'above'));
    }
  });

  it('does not take a folder along that is open, beyond its listing', async () => {
    const folder = await share.guest.open('above/moved', readOnly);
    renameSync(join(share.path, 'above'), outside);
    await sleep(longEnough);
    await refused(() => share.guest.create('above/moved/new'), 'ESTALE', 'ENOENT').catch((error: unknown) => {
      expect(String(error)).toContain('expects above/moved to exist');
    });
    expect((await share.guest.entries(folder)).length).toBeGreaterThan(2);
  });

  it('and puts another in its place is that one to a guest that had let go of it, at once', async () => {
    await share.guest.at('above/moved/file');
    await share.guest.leave();
    renameSync(join(share.path, 'above'), outside);
    mkdirSync(join(share.path, 'above'));
    furnish(join(share.path, 'above', 'moved'), 'other');
    const before = state(outside);
    expect(await share.guest.content('above/moved/file')).toBe('other');
    await share.guest.create('above/moved/new');
    expect(state(outside)).toEqual(before);
  });

  it('is reached again when it comes back', async () => {
    const folder = await share.guest.at('above/moved');
    renameSync(join(share.path, 'above'), outside);
    await sleep(longEnough);
    expect(() => share.backend.lookup(folder, bytes('file'))).toThrow(Errno);
    renameSync(outside, join(share.path, 'above'));
    await sleep(longEnough);
    expect(await share.guest.content('above/moved/file')).toBe('inside');
    expect(share.backend.getattr(fileIn(share, folder, 'file')).size).toBe(6);
  });
});

describe('names and links', () => {
  let share: SharedFolder;

  beforeEach(() => {
    share = new SharedFolder();
    writeFileSync(join(share.place, 'secret'), 'outside');
  });

  afterEach(async () => {
    await share.guest.leave();
    await share.dispose();
  });

  for (const name of ['..', '.', '', '/', '../secret', 'a/b', 'a\0b', '/etc/passwd']) {
    it(`refuse ${JSON.stringify(name)} everywhere`, async () => {
      const { backend, guest } = share;
      const root = guest.keep(backend.root());
      const file = await guest.file('file');
      const odd = bytes(name);
      const good = bytes('file');
      await refused(() => backend.lookup(root, odd), 'EINVAL');
      await refused(() => backend.create(root, odd, readWrite, 0o644, nobodySpecial), 'EINVAL');
      await refused(() => backend.mkdir(root, odd, 0o755, nobodySpecial), 'EINVAL');
      await refused(() => backend.mknod(root, odd, fileType.file, 0n, nobodySpecial), 'EINVAL');
      await refused(() => backend.symlink(root, odd, bytes('x'), nobodySpecial), 'EINVAL');
      await refused(() => backend.link(file, root, odd), 'EINVAL');
      await refused(() => backend.unlink(root, odd, false), 'EINVAL');
      await refused(() => backend.rename(root, odd, root, good, 0), 'EINVAL');
      await refused(() => backend.rename(root, good, root, odd, 0), 'EINVAL');
      expect(await guest.names('')).toEqual(['file']);
    });
  }

  it('of 256 bytes are ENAMETOOLONG', async () => {
    const { guest } = share;
    const name = 'n'.repeat(256);
    await refused(() => guest.create(name), 'ENAMETOOLONG');
    await refused(() => guest.mkdir(name), 'ENAMETOOLONG');
    await refused(() => guest.symlink('target', name), 'ENAMETOOLONG');
    await guest.file('short');
    await refused(() => guest.rename('short', name), 'ENAMETOOLONG');
  });

  it('that lead out are links and nothing more', async () => {
    const { guest } = share;
    await guest.symlink('../secret', 'relative');
    await guest.symlink(join(share.place, 'secret'), 'absolute');
    await guest.symlink('..', 'above');
    for (const name of ['relative', 'absolute']) {
      await refused(() => guest.open(name, readOnly), 'ELOOP');
      await refused(() => guest.create(name, writeOnly | truncate), 'ELOOP');
      await refused(() => guest.change(name, { size: 0 }), 'EINVAL', 'ELOOP');
      await refused(() => guest.change(name, { mode: 0o777 }), 'EOPNOTSUPP');
      await guest.change(name, { mtime: 5_000_000_000n });
    }
    await refused(() => guest.find('above/secret'), 'ENOTDIR');
    expect(readFileSync(join(share.place, 'secret'), 'latin1')).toBe('outside');
    expect(statSync(join(share.place, 'secret')).mtimeMs).toBeGreaterThan(1e12);
  });

  it('lead deeper than a path of the host can', async () => {
    const { backend, guest } = share;
    let folder = guest.keep(backend.root());
    const name = bytes('n'.repeat(200));
    const folders = [folder];
    for (let level = 0; level < 40; level++) {
      folder = guest.keep(backend.mkdir(folder, name, 0o755, nobodySpecial));
      folders.push(folder);
    }
    await sleep(longEnough);
    const { node, file } = backend.create(folder, bytes('file'), readWrite, 0o644, nobodySpecial);
    guest.keep(node);
    backend.write(file, 0, [bytes('bottom')]);
    await backend.release(file);
    expect(await guest.content(node)).toBe('bottom');
    await sleep(longEnough);
    expect(backend.getattr(node).size).toBe(6);
    const [middle] = folders.slice(20);
    const names = [bytes('other'), bytes('second')] as const;
    // Within one folder, to one above, and back down: the way to one leads through the other.
    backend.rename(folder, bytes('file'), folder, names[0], 0);
    backend.link(node, folder, names[1]);
    backend.rename(folder, names[0], middle!, names[0], 0);
    await sleep(longEnough);
    backend.rename(middle!, names[0], folder, bytes('file'), 0);
    expect(await guest.content(node)).toBe('bottom');
    backend.unlink(folder, names[1], false);
    // The host's rm could not.
    backend.unlink(folder, bytes('file'), false);
    for (const above of folders.slice(0, -1).toReversed()) backend.unlink(above, name, true);
  });
});
