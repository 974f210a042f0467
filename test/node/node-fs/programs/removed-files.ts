// Removes files that a guest still refers to, or has open, as many as it can, in a process that may open few. Prints what it
// found as JSON.
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileType, openFlags } from '../../../../devices/9p/backend.ts';
import type { OpenFile } from '../../../../devices/9p/backend.ts';
import { Errno } from '../../../../devices/9p/errno.ts';
import { NodeFsBackend } from '../../../../src/node/node-fs/backend.ts';
import { bytes, nobodySpecial, text } from '../../../backend-suite/guest.ts';

const count = 400;

const [place = ''] = process.argv.slice(2);
mkdirSync(join(place, 'share'));
const descriptors = (): number => readdirSync('/proc/self/fd').length;
const before = descriptors();
const backend = NodeFsBackend.open(join(place, 'share'), { readOnly: false });
const root = backend.root();

const opening = descriptors();
for (let index = 0; index < count; index++) {
  backend.mknod(root, bytes(`node-${index}`), fileType.file | 0o644, 0n, nobodySpecial);
  backend.unlink(root, bytes(`node-${index}`), false);
}
const kept = descriptors() - opening;

const files: OpenFile[] = [];
let error = 'none';
try {
  for (let index = 0; index < count; index++) {
    const name = bytes(`file-${index}`);
    const { file } = backend.create(root, name, openFlags.readWrite, 0o644, nobodySpecial);
    backend.write(file, 0, [bytes('content')]);
    backend.unlink(root, name, false);
    files.push(file);
  }
} catch (thrown) {
  if (!(thrown instanceof Errno)) throw thrown;
  error = thrown.code;
}
const readable = files.filter((file) => {
  const into = new Uint8Array(20);
  return text(into.subarray(0, backend.read(file, 0, [into]))) === 'content';
}).length;

// What everybody else in the process can still open.
const others: number[] = [];
try {
  for (;;) others.push(openSync('/dev/null', 'r'));
} catch {
  // There are no more.
}
const left = others.length;
for (const fd of others) closeSync(fd);
await backend.close();
const after = descriptors();
process.stdout.write(JSON.stringify({ before, kept, error, opened: files.length, readable, left, after }));
