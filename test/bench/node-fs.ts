// The backend for folders of the host, alone and behind the server in the same thread, beside the calls of node:fs that do the
// same. The three are measured by turns, for a file system's speed depends on what came before: ext4 without a journal, for
// one, passes over the inodes that were deleted in the last minutes, which takes up to 0.5 ms for every file that is made.
import {
  closeSync,
  constants,
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
import { openFlags, type Awaitable, type Backend, type Node } from '../../devices/9p/backend.ts';
import type { Bytes } from '../../devices/ports.ts';
import { NodeFsBackend } from '../../src/node/node-fs/backend.ts';
import { O_PATH } from '../../src/node/node-fs/host.ts';
import { describeRatios } from './measurements.ts';
import { measureInTurn, type Load, type Rate } from './rate.ts';
import { figures, print, ratio, table } from './report.ts';
import { fileName, fileSize, folderEntries, folderName, serverLoads, transfer } from './server-load.ts';

function must(isRight: boolean): void {
  if (!isRight) throw new Error('the file system did something else');
}

/** What is not there at once would be measured wrongly. */
function atOnce<T>(result: Awaitable<T>): T {
  if (result instanceof Promise) throw new Error('a result that is late');
  return result;
}

/** What is left to do when all is measured. */
type Loads = readonly [loads: readonly Load[], finish: () => void];

/** The rows from here on are beside the calls that a promise to the guest takes, and are not what the goal is about. */
const neededCalls = 9;

/** What the requests of the server's load ask for, in the same order; last what the server's load has not. */
function fileSystemLoads(folder: string): Loads {
  const path = join(folder, fileName);
  const [missing, made, list] = [join(folder, 'missing'), join(folder, 'new'), join(folder, folderName)];
  const file = openSync(path, 'r+');
  const buffer = new Uint8Array(new SharedArrayBuffer(transfer));
  const pieces = Math.floor(fileSize / transfer);
  let position = 0;
  const openCloseUnlink: Load = {
    name: 'open, close, unlink',
    once: () => {
      closeSync(openSync(made, 'wx'));
      unlinkSync(made);
    },
  };
  const createIdentified = (): void => {
    const created = openSync(made, 'wx');
    must(fstatSync(created, { bigint: true }).ino > 0n);
    closeSync(created);
  };
  const loads: Load[] = [
    { name: 'fstat', once: () => must(fstatSync(file, { bigint: true }).size === BigInt(fileSize)) },
    { name: 'lstat', once: () => must(lstatSync(path, { bigint: true }).isFile()) },
    {
      name: 'lstat of a missing name',
      once: () => must(lstatSync(missing, { throwIfNoEntry: false }) === undefined),
    },
    openCloseUnlink,
    { name: 'read of 4 KiB', once: () => must(readSync(file, buffer, 0, 4096, 4096) === 4096) },
    {
      name: 'read of 512 KB',
      once: () => must(readSync(file, buffer, 0, transfer, (position++ % pieces) * transfer) === transfer),
      worth: transfer / 1e6,
      unit: 'MB/s',
    },
    {
      name: 'write of 512 KB',
      once: () => must(writeSync(file, buffer, 0, transfer, 0) === transfer),
      worth: transfer / 1e6,
      unit: 'MB/s',
    },
    {
      name: 'readdir, 1,000 entries',
      once: () => must(readdirSync(list, { withFileTypes: true }).length === folderEntries),
    },
    openCloseUnlink,
    {
      // The guest is told the file's number, which has to be known before the name may lead elsewhere.
      name: 'open, fstat, close, unlink',
      once: () => {
        createIdentified();
        unlinkSync(made);
      },
    },
    {
      // And a file that the guest still refers to stays in reach without its name.
      name: 'open, fstat, close, open (O_PATH), unlink, close',
      once: () => {
        createIdentified();
        const held = openSync(made, O_PATH | constants.O_NOFOLLOW);
        unlinkSync(made);
        closeSync(held);
      },
    },
  ];
  return [loads, () => closeSync(file)];
}

/** The same of the backend alone, with the file and the folder that the server's load has made. */
function backendLoads(backend: Backend): Loads {
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
  const create = (): Node => {
    const created = atOnce(backend.create(root, made, openFlags.writeOnly | openFlags.exclusive, 0o644, caller));
    atOnce(backend.release(created.file));
    return created.node;
  };
  const createForgetUnlink: Load = {
    name: 'create, release, forget, unlink',
    once: () => {
      backend.forget(create());
      atOnce(backend.unlink(root, made, false));
    },
  };
  const createUnlinkForget: Load = {
    // As Linux's client asks: the file has to stay in reach without its name.
    name: 'create, release, unlink, forget',
    once: () => {
      const held = create();
      atOnce(backend.unlink(root, made, false));
      backend.forget(held);
    },
  };
  const loads: Load[] = [
    { name: 'getattrOpen', once: () => must(atOnce(backend.getattrOpen(file)).size === fileSize) },
    {
      name: 'lookup, getattr, forget',
      once: () => {
        const found = atOnce(backend.lookup(root, path))!;
        must(atOnce(backend.getattr(found)).size === fileSize);
        backend.forget(found);
      },
    },
    {
      name: 'lookup of a missing name',
      once: () => must(atOnce(backend.lookup(root, missing)) === undefined),
    },
    createForgetUnlink,
    { name: 'read of 4 KiB', once: () => must(backend.read(file, 4096, page) === 4096) },
    {
      name: 'read of 512 KB',
      once: () => must(backend.read(file, (position++ % pieces) * transfer, whole) === transfer),
      worth: transfer / 1e6,
      unit: 'MB/s',
    },
    {
      name: 'write of 512 KB',
      once: () => must(backend.write(file, 0, whole) === transfer),
      worth: transfer / 1e6,
      unit: 'MB/s',
    },
    {
      name: 'readdir, 1,000 entries',
      once: () => {
        let count = 0;
        atOnce(backend.readdir(folder, 0n, () => ++count > 0));
        // "." and "..", which node:fs leaves out.
        must(count === folderEntries + 2);
      },
    },
    createUnlinkForget,
    createForgetUnlink,
    createUnlinkForget,
  ];
  const finish = (): void => {
    for (const open of [file, folder]) atOnce(backend.release(open));
    for (const each of [node, list, root]) backend.forget(each);
  };
  return [loads, finish];
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-node-fs-'));
try {
  const backend = NodeFsBackend.open(folder, { readOnly: false });
  const served = await serverLoads(backend);
  const [alone, finishAlone] = backendLoads(backend);
  const [raw, finishRaw] = fileSystemLoads(folder);
  const rows = raw.map((load, index) => {
    const server = served[index];
    const rates = measureInTurn([load, alone[index]!, ...(server === undefined ? [] : [server])]);
    return { own: rates[0]!, backend: rates[1]!, server: rates[2] };
  });
  finishAlone();
  finishRaw();
  await backend.close();
  const cells = (of: Rate | undefined): string => (of === undefined ? '' : `${figures(of.rate)} ${of.unit}`);
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
        ratio(server?.rate, own.rate),
      ]),
    ),
  );
  const describe = (whose: 'backend' | 'server', of: typeof rows): string =>
    describeRatios(
      of.flatMap(({ own, [whose]: by }) =>
        by === undefined ? [] : [[by.name, by.rate.median / own.rate.median] as const],
      ),
    );
  print(
    `Backend / node:fs: ${describe('backend', rows.slice(0, neededCalls))}; goal: each at least 0.8. ` +
      `Beside the calls that it takes: ${describe('backend', rows.slice(neededCalls))}. ` +
      `Server / node:fs: ${describe('server', rows)}.\n\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
