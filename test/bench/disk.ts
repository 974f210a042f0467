// Sectors of a disk, past the guest's page cache, in vm9's guest and in QEMU's by turns: virtio-blk with an image on the host.
import { mountPoint, notBesideQemu, withGuests } from './guests.ts';
import { Measurements } from './measurements.ts';
import { figureOrNone, figures, print, progress, table } from './report.ts';
import { compileForGuest } from './tools.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);
const device = '/dev/vda';
const size = 64 * 2 ** 20;
const pageSize = 4096;

/** By the word that guest/disk.c prints before a rate: what is told of it. */
const operations: Readonly<Record<string, string>> = {
  read: 'read in sequence, 128 KiB at a time, MiB/s',
  'read-4k': 'read in sequence, 4 KiB at a time, MiB/s',
  write: 'write in sequence, 128 KiB at a time, then fsync, MiB/s',
  'write-4k': 'write in sequence, 4 KiB at a time, then fsync, MiB/s',
  'random-read': 'read 4 KiB at random, /s',
  'random-write': 'write 4 KiB at random, then fsync, /s',
  'synced-write': 'write 4 KiB and fdatasync each, /s',
  cached: 'read in sequence through the page cache, MiB/s',
};

/** Each page begins with its own number, as guest/disk.c has it. */
function numberedPages(): Buffer {
  const pages = Buffer.alloc(size, 'content ');
  for (let page = 0; page < size / pageSize; page++) pages.writeBigUInt64LE(BigInt(page), page * pageSize);
  return pages;
}

const rates = new Measurements('more');
/** Of the whole program. */
const cpuSeconds = new Measurements();
const isBesideQemu = await withGuests(
  (folder) => compileForGuest('disk', folder),
  async (guests) => {
    for (const guest of guests) await guest.run(`cp ${mountPoint}/disk /tmp/`);
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      progress(`disk, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
      if (repetition === 1) for (const each of [rates, cpuSeconds]) each.clear();
      for (const guest of guests) {
        const before = guest.cpuSeconds();
        const output = await guest.run(`echo 3 > /proc/sys/vm/drop_caches && /tmp/disk ${device}`);
        const after = guest.cpuSeconds();
        for (const line of output.trimEnd().split('\n')) {
          const [operation = '', rate] = line.split(' ');
          rates.add(guest.name, operation, Number(rate));
        }
        if (before !== undefined && after !== undefined) cpuSeconds.add(guest.name, 'all', after - before);
      }
    }
  },
  { disk: numberedPages() },
);

print(
  `Median (least to greatest) of ${repetitions}; O_DIRECT unless told otherwise. Speed is how many times as fast as QEMU vm9 ` +
    "is: vm9's rate / QEMU's.\n\n",
);
print(
  table(
    ['virtio-blk, an image of 64 MiB', 'vm9', 'QEMU', 'speed'],
    Object.entries(operations).map(([operation, title]) => [
      title,
      figures(rates.of('vm9', operation)),
      figures(rates.of('QEMU', operation)),
      figureOrNone(rates.speed('vm9', 'QEMU', operation)),
    ]),
  ),
);
if (isBesideQemu) {
  print(`Speed: ${rates.describeSpeeds('vm9', 'QEMU', Object.keys(operations))}.\n\n`);
  const byCpuTime = cpuSeconds.speed('vm9', 'QEMU', 'all');
  if (byCpuTime !== undefined) {
    print(`By the processor time that the whole process used for all of it: ${figureOrNone(byCpuTime)}.\n\n`);
  }
} else print(notBesideQemu);
