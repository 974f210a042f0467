// Uses a share as a guest with many files would, in a process that may open few. Prints what it found as JSON.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileType, openFlags } from '../../../../devices/9p/backend.ts';
import type { Node, OpenFile } from '../../../../devices/9p/backend.ts';
import { NodeFsBackend } from '../../../../src/node/node-fs/backend.ts';
import { descriptorLimit } from '../../../../src/node/node-fs/descriptors.ts';
import { bytes, nobodySpecial, text } from '../../../backend-suite/guest.ts';

const folderCount = 600;
const openCount = 500;

const [place = ''] = process.argv.slice(2);
mkdirSync(join(place, 'share'));
const before = readdirSync('/proc/self/fd').length;
const backend = NodeFsBackend.open(join(place, 'share'), { readOnly: false });
const root = backend.root();

function read(file: OpenFile): string {
  const into = new Uint8Array(100);
  return text(into.subarray(0, backend.read(file, 0, [into])));
}

// A chain of folders, ten deep, then many beside each other: all referenced, each with a file.
const folders: Node[] = [root];
for (let index = 0; index < folderCount; index++) {
  const above = folders[index < 10 ? index : 10] ?? root;
  folders.push(backend.mkdir(above, bytes(`folder-${index}`), 0o755, nobodySpecial));
}
const files: { node: Node; file: OpenFile }[] = [];
for (const [index, folder] of folders.slice(0, openCount).entries()) {
  const made = backend.create(folder, bytes('file'), openFlags.readWrite, 0o644, nobodySpecial);
  backend.write(made.file, 0, [bytes(`content ${index}`)]);
  files.push(made);
}
const most = readdirSync('/proc/self/fd').length;
const wrong = files.filter(({ file }, index) => read(file) !== `content ${index}`).length;

// A rename of what is above, a chmod and an unlink while some of them are closed for want of descriptors.
backend.rename(root, bytes('folder-0'), root, bytes('renamed'), 0);
const first = files.slice(20, 60);
for (const { node } of first.slice(0, 20)) backend.setattr(node, { mode: 0o444 });
for (const { node } of first.slice(20)) {
  const parent = backend.parent(node);
  backend.unlink(parent, backend.name(node), false);
  backend.forget(parent);
}
for (const { file } of files) backend.write(file, 0, [bytes('CONTENT')]);
const wrongAfter = files.filter(({ file }, index) => read(file) !== `CONTENT ${index}`).length;
const unlinked = first.slice(20).filter(({ file }) => backend.getattrOpen(file).nlink === 0).length;

// Two folders so deep that the way to one takes more descriptors than are kept, neither in use for long.
function chain(name: string): Node[] {
  const nodes = [backend.mkdir(root, bytes(name), 0o755, nobodySpecial)];
  for (let level = 1; level < 60; level++) {
    nodes.push(backend.mkdir(nodes.at(-1) ?? root, bytes('below'), 0o755, nobodySpecial));
  }
  return nodes;
}
const one = chain('one').at(-1) ?? root;
const other = chain('other').at(-1) ?? root;
backend.forget(backend.mknod(one, bytes('from'), fileType.file | 0o644, 0n, nobodySpecial));
for (const folder of folders) backend.lookup(folder, bytes('nothing'));
backend.rename(one, bytes('from'), other, bytes('to'), 0);
const deep = (name: string): string => join(place, 'share', name, ...Array.from({ length: 59 }, () => 'below'));
const moved = existsSync(join(deep('other'), 'to')) && readdirSync(deep('one')).length === 0;

const listing = backend.open(folders[10] ?? root, openFlags.readOnly);
let listed = 0;
backend.readdir(listing, 0n, () => ++listed > 0);
// As many at once as a guest's queue holds.
await Promise.all(files.slice(-128).map(({ file }) => backend.fsync(file, false)));
await backend.close();
const after = readdirSync('/proc/self/fd').length;
const limit = descriptorLimit();
process.stdout.write(JSON.stringify({ limit, before, most, after, wrong, wrongAfter, unlinked, moved, listed }));
