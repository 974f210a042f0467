// The server with the backend for folders of the host, in the same thread, beside the calls of node:fs that do the same.
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
import { NodeFsBackend } from '../../src/node/node-fs/backend.ts';
import { measureRate, rateCells, rateTitles, type Rate } from './rate.ts';
import { print, ratio, table } from './report.ts';
import { fileName, fileSize, folderEntries, folderName, measureServer, transfer } from './server-load.ts';

/** What the requests of the server's load ask for, in the same order. */
function measureFileSystem(folder: string): Rate[] {
  const path = join(folder, fileName);
  const [missing, made, list] = [join(folder, 'missing'), join(folder, 'new'), join(folder, folderName)];
  const file = openSync(path, 'r+');
  const buffer = new Uint8Array(new SharedArrayBuffer(transfer));
  const pieces = Math.floor(fileSize / transfer);
  let position = 0;
  const must = (isRight: boolean): void => {
    if (!isRight) throw new Error('the file system did something else');
  };
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

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-node-fs-'));
try {
  const backend = NodeFsBackend.open(folder, { readOnly: false });
  const served = await measureServer(backend);
  const raw = measureFileSystem(folder);
  await backend.close();
  print(
    table(
      ['server and backend', ...rateTitles, '|node:fs', ...rateTitles, 'server / node:fs'],
      served.map((rate, index) => {
        const other = raw[index]!;
        return [rate.name, ...rateCells(rate), other.name, ...rateCells(other), ratio(rate.rate, other.rate)];
      }),
    ),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
