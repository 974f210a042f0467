// Shares a folder in which other file systems are mounted, and tells what the guest sees of it, as JSON.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFlags } from '../../../../devices/9p/backend.ts';
import { Errno } from '../../../../devices/9p/errno.ts';
import { NodeFsBackend } from '../../../../src/node/node-fs/backend.ts';
import { Guest } from '../../../backend-suite/guest.ts';

const share = process.argv[2] as string;
const folders = ['own', 'first', 'second', 'bare'];
for (const folder of folders)
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(join(share, folder, `folder-${name}`), { recursive: true });
    writeFileSync(join(share, folder, name), `${folder}/${name}`);
  }

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return 'none';
  } catch (error) {
    if (error instanceof Errno) return error.code;
    return error instanceof Error ? error.message : String(error);
  }
}

const lines: string[] = [];
const backend = NodeFsBackend.open(share, { readOnly: false, log: (line) => lines.push(line) });
const guest = new Guest(backend);
const numbers: Record<string, string> = {};
const listed: Record<string, string> = {};
for (const folder of folders) {
  numbers[folder] = String((await guest.attributes(folder)).ino);
  for (const { name, ino } of await guest.entries(await guest.open(folder, openFlags.readOnly))) {
    if (name === '..') continue;
    const path = name === '.' ? folder : `${folder}/${name}`;
    listed[path] = String(ino);
    numbers[path] = String((await guest.attributes(path)).ino);
  }
}

// The files of two new file systems have the same numbers there.
await guest.change('first/a', { uid: 11 });
await guest.change('second/a', { uid: 12 });
await new Promise((resolve) => setTimeout(resolve, 150));
const owners: number[] = [];
for (let round = 0; round < 3; round++)
  for (const folder of ['own', 'first', 'second']) owners.push((await guest.attributes(`${folder}/a`)).uid);

const codes = {
  rename: await codeOf(() => guest.rename('first/a', 'second/new')),
  link: await codeOf(async () => guest.link(await guest.at('first/a'), 'own/new')),
  unmount: await codeOf(() => guest.rename('first', 'moved')),
  chown: await codeOf(() => guest.change('bare/a', { uid: 11 })),
  setId: await codeOf(() => guest.create('bare/new', openFlags.readWrite, 0o4755)),
  mapped: await codeOf(() =>
    NodeFsBackend.open(join(share, 'bare'), { readOnly: false, security: { model: 'mapped' } }),
  ),
};
// A passthrough share of a file system that has no access lists.
const passed = NodeFsBackend.open(join(share, 'bare'), { readOnly: false, security: { model: 'passthrough' } });
const passedGuest = new Guest(passed);
const passedNode = await passedGuest.at('a');
const list = Buffer.from('system.posix_acl_access');
const lists = {
  set: await codeOf(() => passed.setxattr(passedNode, list, new Uint8Array(4).fill(2, 0, 1), 0)),
  get: await codeOf(() => passed.getxattr(passedNode, list)),
};
await passedGuest.leave();
await passed.close();

const content = await guest.content('second/a');
const fsids = new Set<bigint>();
for (const folder of folders) fsids.add(backend.statfs(await guest.at(folder)).fsid);
await guest.leave();
// The guest has been in there, and refers to nothing any more.
const mounted = ['first', 'second', 'bare'].map((name) => join(share, name));
const left = await codeOf(() => execFileSync('umount', mounted, { stdio: 'pipe' }));
await backend.close();
console.log(JSON.stringify({ left, numbers, listed, owners, codes, lists, content, lines, fileSystems: fsids.size }));
