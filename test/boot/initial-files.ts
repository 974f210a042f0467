// Initial file systems for tests: the built-in one, with files laid over it. Linux unpacks archives that follow one
// another, and a later file replaces an earlier one. Format: cpio "newc", Linux's buffer-format.rst.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const builtIn = new URL('../../guest-images/images/initramfs-riscv64.cpio.gz', import.meta.url);

export interface InitialFile {
  /** Without a leading slash; the folder it is in must exist. */
  readonly path: string;
  /** Type and permissions, as in stat's st_mode. */
  readonly mode: number;
  readonly content: Uint8Array;
}

/** The built-in initial file system, uncompressed, with `files` laid over it. */
export function initialFilesWith(files: readonly InitialFile[]): Buffer {
  return Buffer.concat([gunzipSync(readFileSync(builtIn)), initialFiles(files)]);
}

/** An initial file system of these files alone. */
export function initialFiles(files: readonly InitialFile[]): Buffer {
  return Buffer.concat([
    ...files.map(({ path, mode, content }) => entry(path, mode, content)),
    entry('TRAILER!!!', 0, Buffer.alloc(0)),
  ]);
}

/** The built-in initial file system, uncompressed, whose /init is a shell script instead of the agent. */
export function initialFilesWithInit(script: string, files: readonly InitialFile[] = []): Buffer {
  // The agent would make the links to the applets.
  const text = `#!/bin/sh\nexport PATH=/bin\n/bin/busybox --install -s /bin\n${script}\n`;
  return initialFilesWith([{ path: 'init', mode: 0o100755, content: Buffer.from(text) }, ...files]);
}

function entry(name: string, mode: number, content: Uint8Array): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [mode === 0 ? 0 : 0x7fff0000, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, nameBytes.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, nameBytes])), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
