// Rates that a program of guest/ prints, in vm9's guest and in QEMU's by turns, by cache mode. The share is mounted anew for
// each measurement: what was seen before is forgotten.
import { mountOptions, mountPoint, notBesideQemu, remount, withGuests } from './guests.ts';
import { describeRatios, Measurements } from './measurements.ts';
import { figure, figureOrNone, figures, print, progress, table } from './report.ts';
import { compileForGuest } from './tools.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);
const messageSize = 512_000;

/** Operations of which a goal is set together. */
export interface Goal {
  /** By the word that the program prints before a rate: what is told of it. */
  readonly operations: Readonly<Record<string, string>>;
  readonly modes: readonly string[];
  /** How many times QEMU's rate is wanted: of the operations' geometric mean, or of each. */
  readonly times: number;
  readonly of: 'mean' | 'each';
}

export interface GuestProgram {
  /** guest/NAME.c, which is given the share's folder. */
  readonly name: string;
  /** Makes in the folder what the program works on. */
  readonly fill: (folder: string) => void;
  /** `cache=`. */
  readonly modes: readonly string[];
  readonly goals: readonly Goal[];
}

/** Measures a program and prints what was found. */
export async function reportRates({ name, fill, modes, goals }: GuestProgram): Promise<void> {
  const rates = new Measurements('more');
  /** Of the whole program. */
  const cpuSeconds = new Measurements();
  const prepare = (folder: string): void => {
    fill(folder);
    compileForGuest(name, folder);
  };
  const isBesideQemu = await withGuests(prepare, async (guests) => {
    // From a file system of its own: what runs is not part of what is measured.
    for (const guest of guests) await guest.run(`cp ${mountPoint}/${name} /tmp/`);
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      progress(`${name}, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
      if (repetition === 1) for (const each of [rates, cpuSeconds]) each.clear();
      for (const mode of modes) {
        for (const guest of guests) {
          await remount(guest, mountOptions(mode, messageSize));
          const before = guest.cpuSeconds();
          const output = await guest.run(`/tmp/${name} ${mountPoint}`);
          const after = guest.cpuSeconds();
          for (const line of output.trimEnd().split('\n')) {
            const [operation = '', rate] = line.split(' ');
            rates.add(`${guest.name} ${mode}`, operation, Number(rate));
          }
          if (before !== undefined && after !== undefined) cpuSeconds.add(guest.name, `cache=${mode}`, after - before);
        }
      }
    }
  });

  print(
    `Median (least to greatest) of ${repetitions}, msize=${messageSize}. Speed is how many times as fast as QEMU vm9 is: ` +
      "vm9's rate / QEMU's.\n\n",
  );
  const speedOf = (mode: string, operation: string): number | undefined =>
    rates.speed(`vm9 ${mode}`, `QEMU ${mode}`, operation);
  const operations = Object.entries(Object.assign({}, ...goals.map((goal) => goal.operations)) as Goal['operations']);
  for (const mode of modes) {
    print(
      table(
        [`cache=${mode}`, 'vm9', 'QEMU', 'speed'],
        operations.map(([operation, title]) => [
          title,
          figures(rates.of(`vm9 ${mode}`, operation)),
          figures(rates.of(`QEMU ${mode}`, operation)),
          figureOrNone(speedOf(mode, operation)),
        ]),
      ),
    );
  }
  if (!isBesideQemu) {
    print(notBesideQemu);
    return;
  }
  for (const goal of goals) print(describe(goal, speedOf));
  const byCpuTime = cpuSeconds.describeSpeeds(
    'vm9',
    'QEMU',
    modes.map((mode) => `cache=${mode}`),
  );
  if (byCpuTime !== undefined) {
    print(`By the processor time that the whole process used, which other programs disturb less: ${byCpuTime}.\n\n`);
  }
}

function describe(
  { operations, modes, times, of }: Goal,
  speedOf: (mode: string, operation: string) => number | undefined,
): string {
  const ratiosIn = (chosen: readonly string[]): [string, number][] =>
    chosen.flatMap((mode) =>
      Object.keys(operations).map((operation): [string, number] => [
        `${operation} of cache=${mode}`,
        speedOf(mode, operation)!,
      ]),
    );
  const words = Object.keys(operations).join(', ');
  const each = modes.map((mode) => `cache=${mode}: ${describeRatios(ratiosIn([mode]))}`).join('. ');
  const wanted = `goal: ${of === 'mean' ? 'a mean' : 'each'} of at least ${figure(times)}`;
  return `Speed of ${words}: ${describeRatios(ratiosIn(modes))}; ${wanted}. ${each}.\n\n`;
}
