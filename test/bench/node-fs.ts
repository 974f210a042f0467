// The backend for folders of the host, alone and behind the server in the same thread, beside the calls of node:fs that do the
// same.
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFlags, type Awaitable, type Backend } from '../../devices/9p/backend.ts';
import type { Bytes } from '../../devices/ports.ts';
import { NodeFsBackend } from '../../src/node/node-fs/backend.ts';
import { describeRatios } from './measurements.ts';
import { measureRate, type Rate } from './rate.ts';
import { figures, print, ratio, table } from './report.ts';
import { fileName, fileSize, folderEntries, folderName, measureServer, transfer } from './server-load.ts';

function must(isRight: boolean): void {
  if (!isRight) throw new Error('the file system did something else');
}

/** What is not there at once would be measured wrongly. */
function atOnce<T>(result: Awaitable<T>): T {
  if (result instanceof Promise) throw new Error('a result that is late');
  return result;
}

/** What the requests of the server's load ask for, in the same order. */
function measureFileSystem(folder: string): Rate[] {
  const path = join(folder, fileName);
  const [missing, made, list] = [join(folder, 'missing'), join(folder, 'new'), join(folder, folderName)];
  const file = openSync(path, 'r+');
  const buffer = new Uint8Array(new SharedArrayBuffer(transfer));
  const pieces = Math.floor(fileSize / transfer);
  let position = 0;
  try {
    return [
      measureRate('fstat', () => must(fstatSync(file, { bigint: true }).size === BigInt(fileSize))),
      measureRate('lstat', () => must(lstatSync(path, { bigint: true }).isFile())),
      measureRate('lstat of a missing name', () => must(lstatSync(missing, { throwIfNoEntry: false }) === undefined)),
      measureRate('open, close, unlink', () => {
        closeSync(openSync(made, 'wx'));
        unlinkSync(made);
      }),
      measureRate('read of 4 KiB', () => must(readSync(file, buffer, 0, 4096, 4096) === 4096)),
      measureRate(
        'read of 512 KB',
        () => must(readSync(file, buffer, 0, transfer, (position++ % pieces) * transfer) === transfer),
        transfer / 1e6,
        'MB/s',
      ),
      measureRate(
        'write of 512 KB',
        () => must(writeSync(file, buffer, 0, transfer, 0) === transfer),
        transfer / 1e6,
        'MB/s',
      ),
      measureRate('readdir, 1,000 entries', () =>
        must(readdirSync(list, { withFileTypes: true }).length === folderEntries),
      ),
    ];
  } finally {
    closeSync(file);
  }
}

/** The same of the backend alone, with the file and the folder that the server's load has made. */
function measureBackend(backend: Backend): Rate[] {
  const name = (text: string): Bytes => Buffer.from(text);
  const [missing, made, path] = [name('missing'), name('new'), name(fileName)];
  const caller = { uid: 0, gid: 0 };
  const root = atOnce(backend.root());
  const node = atOnce(backend.lookup(root, path))!;
  const list = atOnce(backend.lookup(root, name(folderName)))!;
  const [file, folder] = [
    atOnce(backend.open(node, openFlags.readWrite)),
    atOnce(backend.open(list, openFlags.readOnly)),
  ];
  const buffer = new Uint8Array(new SharedArrayBuffer(transfer));
  const [whole, page] = [[buffer], [buffer.subarray(0, 4096)]];
  const pieces = Math.floor(fileSize / transfer);
  let position = 0;
  try {
    return [
      measureRate('getattrOpen', () => must(atOnce(backend.getattrOpen(file)).size === fileSize)),
      measureRate('lookup, getattr, forget', () => {
        const found = atOnce(backend.lookup(root, path))!;
        must(atOnce(backend.getattr(found)).size === fileSize);
        backend.forget(found);
      }),
      measureRate('lookup of a missing name', () => must(atOnce(backend.lookup(root, missing)) === undefined)),
      measureRate('create, release, unlink', () => {
        const created = atOnce(backend.create(root, made, openFlags.writeOnly | openFlags.exclusive, 0o644, caller));
        atOnce(backend.release(created.file));
        atOnce(backend.unlink(root, made, false));
        backend.forget(created.node);
      }),
      measureRate('read of 4 KiB', () => must(backend.read(file, 4096, page) === 4096)),
      measureRate(
        'read of 512 KB',
        () => must(backend.read(file, (position++ % pieces) * transfer, whole) === transfer),
        transfer / 1e6,
        'MB/s',
      ),
      measureRate('write of 512 KB', () => must(backend.write(file, 0, whole) === transfer), transfer / 1e6, 'MB/s'),
      measureRate('readdir, 1,000 entries', () => {
        let count = 0;
        atOnce(backend.readdir(folder, 0n, () => ++count > 0));
        // "." and "..", which node:fs leaves out.
        must(count === folderEntries + 2);
      }),
    ];
  } finally {
    for (const open of [file, folder]) atOnce(backend.release(open));
    for (const each of [node, list, root]) backend.forget(each);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-node-fs-'));
try {
  const backend = NodeFsBackend.open(folder, { readOnly: false });
  const served = await measureServer(backend);
  const alone = measureBackend(backend);
  const raw = measureFileSystem(folder);
  await backend.close();
  const rows = raw.map((own, index) => ({ own, backend: alone[index]!, server: served[index]! }));
  const cells = ({ rate, unit }: Rate): string => `${figures(rate)} ${unit}`;
  print(`Median (least to greatest). The server's requests are ${served.map(({ name }) => name).join('; ')}.\n\n`);
  print(
    table(
      ['node:fs', '', '|backend', '', 'backend / node:fs', 'server and backend', 'server / node:fs'],
      rows.map(({ own, backend: by, server }) => [
        own.name,
        cells(own),
        by.name,
        cells(by),
        ratio(by.rate, own.rate),
        cells(server),
        ratio(server.rate, own.rate),
      ]),
    ),
  );
  const describe = (whose: 'backend' | 'server'): string =>
    describeRatios(rows.map((row) => [row.own.name, row[whose].rate.median / row.own.rate.median]));
  print(
    `Backend / node:fs: ${describe('backend')}; goal: each at least 0.8. Server / node:fs: ${describe('server')}.\n\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
