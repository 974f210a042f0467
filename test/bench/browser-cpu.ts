// The CPU suite in a page's guest in Chromium, and in one of Node.js by turns: `node test/bench/run.js browser-cpu`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSite } from './chromium-site.ts';
import { mountOptions, mountPoint, remount, startVm9 } from './guests.ts';
import { Measurements } from './measurements.ts';
import { Checksums, compilePrograms, programs, readOutput, type Program } from './programs.ts';
import { figureOrNone, figures, print, progress, table } from './report.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);
const names = programs.map(({ name }) => name);
const seconds = new Measurements();
const checksums = new Checksums();

type Run = (line: string) => Promise<string>;

async function measure(place: string, run: Run, { name, count }: Program): Promise<void> {
  const found = readOutput(await run(`${mountPoint}/${name} ${count}`));
  checksums.check(name, found.checksum, place);
  seconds.add(place, name, found.seconds);
}

async function measureAll(places: Readonly<Record<string, Run>>): Promise<void> {
  // The first time warms what compiles as it runs.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    progress(`programs in Chromium, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) seconds.clear();
    for (const program of programs)
      for (const [place, run] of Object.entries(places)) await measure(place, run, program);
  }
}

let version = '';
const share = mkdtempSync(join(tmpdir(), 'vm9-bench-share-'));
try {
  compilePrograms(share);
  const guest = await startVm9(share);
  try {
    await remount(guest, mountOptions('loose', 512_000));
    await withSite('bench/program-load', compilePrograms, async (openPage) => {
      const page = await openPage();
      version = page.context().browser()?.version() ?? '';
      await page.evaluate(`bootGuest(${JSON.stringify(names)})`);
      await measureAll({
        Node: (line) => guest.run(line),
        Chromium: (line) => page.evaluate(`runInGuest(${JSON.stringify(line)})`),
      });
    });
  } finally {
    await guest.dispose();
  }
} finally {
  rmSync(share, { recursive: true, force: true });
}

print(
  `Chromium ${version}. Seconds by the guest's own clock, median (least to greatest) of ${repetitions}. Speed is how many ` +
    "times as fast Chromium is: Node.js's seconds / Chromium's.\n\n",
);
print(
  table(
    ['program', 'Chromium, s', 'Node.js, s', 'speed'],
    programs.map(({ name, what }) => [
      `${name}: ${what}`,
      figures(seconds.of('Chromium', name)),
      figures(seconds.of('Node', name)),
      figureOrNone(seconds.speed('Chromium', 'Node', name)),
    ]),
  ),
);
print(`Speed: ${seconds.describeSpeeds('Chromium', 'Node', names)}.\n\n`);
