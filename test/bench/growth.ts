// What a request to the 9P server costs with many fids of a session, with many files in a folder and in the share: the same,
// as it should be, or more. Server and backend are in the same thread.
import { lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noId, openFlags, type Backend } from '../../devices/9p/backend.ts';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { NodeFsBackend } from '../../src/node/node-fs/backend.ts';
import { bytes } from '../devices/9p/client.ts';
import { GrowthLoad, inTurn, pathOf, scattered } from './growth-load.ts';
import { measureRead } from './memory-read.ts';
import { measureRate, type Rate } from './rate.ts';
import { bar, figure, print, progress, table } from './report.ts';

const fidCounts = [100, 10_000, 100_000];
/** Of the share in which the fids are. */
const fidFiles = 100_000;
const fileCounts = { memory: [1_000, 100_000, 1_000_000], 'Node.js': [1_000, 100_000] } as const;
const perFolder = 1_000;
/** Bytes that the server keeps for a fid with its node, and the memory backend for a file with its name, about. */
const fidSize = 300;
const fileSize = 500;

type Kind = keyof typeof fileCounts;

/** Empty files, which have numbers for names, in folders that have numbers for names. */
interface Shape {
  readonly folders: number;
  readonly perFolder: number;
}

/** A folder of the host that is removed in the end. */
const temporary = mkdtempSync(join(tmpdir(), 'vm9-bench-growth-'));

function inMemory({ folders, perFolder: files }: Shape): Backend {
  const backend = new MemoryBackend({ now: () => 1_700_000_000_000_000_000n });
  const caller = { uid: 0, gid: noId };
  const root = backend.root();
  for (let folder = 0; folder < folders; folder++) {
    const parent = backend.mkdir(root, bytes(String(folder)), 0o755, caller);
    for (let name = 0; name < files; name++) {
      const { node, file } = backend.create(parent, bytes(String(name)), openFlags.writeOnly, 0o644, caller);
      backend.release(file);
      backend.forget(node);
    }
    backend.forget(parent);
  }
  backend.forget(root);
  return backend;
}

function onHost({ folders, perFolder: files }: Shape, share: string): Backend {
  for (let folder = 0; folder < folders; folder++) {
    mkdirSync(join(share, String(folder)));
    for (let name = 0; name < files; name++) writeFileSync(join(share, String(folder), String(name)), '');
  }
  return NodeFsBackend.open(share, { readOnly: false });
}

async function withShare(
  kind: Kind,
  shape: Shape,
  use: (load: GrowthLoad, share: string) => void | Promise<void>,
): Promise<void> {
  const share = mkdtempSync(join(temporary, 'share-'));
  const backend = kind === 'memory' ? inMemory(shape) : onHost(shape, share);
  await use(await GrowthLoad.of(backend, shape.folders, shape.perFolder), share);
  await backend.close();
}

/** What the host's own look at the first `count` files takes: what that grows by, no server can be blamed for. */
function measureHost(share: string, count: number, files: number): Rate {
  const paths = scattered(count).map((index) => join(share, ...pathOf(index, files)));
  const look = (path: string): void => {
    if (lstatSync(path, { bigint: true }).size !== 0n) throw new Error(`${path} is not the empty file that was made`);
  };
  return measureRate('lstat of one file', inTurn(paths, look));
}

/** Rates by the kind of backend and what was done, then by the count of which there were many. */
type Costs = Map<string, Map<number, Rate>>;

function keep(costs: Costs, whose: Kind | 'the host alone', count: number, rates: readonly Rate[]): void {
  for (const rate of rates) {
    const title = `${whose}: ${rate.name}`;
    const row = costs.get(title) ?? new Map<number, Rate>();
    costs.set(title, row.set(count, rate));
  }
}

/** Costs of a read from as much memory, by the count. */
type Reads = Map<number, Rate>;

const cost = (rate: Rate | undefined): number | undefined => rate && 1e6 / rate.rate.median;

function costTable(of: string, costs: Costs, reads: Reads, counts: readonly number[]): string {
  const rows = [...costs, ['one read from as much memory', reads] as const];
  return table(
    [of, ...counts.map((count) => count.toLocaleString('en')), 'last / first', '|full is 4', 'reads'],
    rows.map(([title, row]) => {
      const each = counts.map((count) => cost(row.get(count)));
      const known = counts.filter((count) => row.has(count));
      const [first, last] = [known[0]!, known.at(-1)!];
      const grown = (of: Map<number, Rate>): number => cost(of.get(last))! - cost(of.get(first))!;
      const growth = cost(row.get(last))! / cost(row.get(first))!;
      return [
        title,
        ...each.map((one) => (one === undefined ? '' : figure(one))),
        figure(growth),
        bar(growth, 4),
        row === reads || !title.startsWith('memory') ? '' : (grown(row) / grown(reads)).toFixed(1),
      ];
    }),
  );
}

const byFids: Costs = new Map();
const byFolder: Costs = new Map();
const byShare: Costs = new Map();
const fidReads: Reads = new Map();
const fileReads: Reads = new Map();
try {
  for (const count of fidCounts) fidReads.set(count, measureRead(count, fidSize));
  for (const count of fileCounts.memory) fileReads.set(count, measureRead(count, fileSize));
  for (const kind of ['memory', 'Node.js'] as const) {
    const isHosts = kind === 'Node.js';
    await withShare(kind, { folders: fidFiles / perFolder, perFolder }, async (load, share) => {
      for (const count of fidCounts) {
        progress(`growth, ${kind}, ${count} fids`);
        keep(byFids, kind, count, await load.measureFids(count));
        if (isHosts) keep(byFids, 'the host alone', count, [measureHost(share, count, perFolder)]);
      }
    });
    for (const count of fileCounts[kind]) {
      progress(`growth, ${kind}, ${count} files`);
      await withShare(kind, { folders: 1, perFolder: count }, async (load, share) => {
        keep(byFolder, kind, count, [load.measureWalk(), load.measureCreation(), await load.measureListing()]);
        if (isHosts) keep(byFolder, 'the host alone', count, [measureHost(share, count, count)]);
      });
      await withShare(kind, { folders: count / perFolder, perFolder }, (load, share) => {
        keep(byShare, kind, count, [load.measureWalk()]);
        if (isHosts) keep(byShare, 'the host alone', count, [measureHost(share, count, perFolder)]);
      });
    }
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

print(
  'Microseconds for each, medians. What is asked for is taken in no order from all that there is. A read is one that has to ' +
    'wait for the read before it, in as much memory in the same order; the last column says as how many more of these a ' +
    'request takes where there is most.\n\n',
);
print(costTable('fids', byFids, fidReads, fidCounts));
print(costTable('files in the folder', byFolder, fileReads, fileCounts.memory));
print(
  costTable(
    `files in the share, ${perFolder.toLocaleString('en')} in each folder`,
    byShare,
    fileReads,
    fileCounts.memory,
  ),
);
