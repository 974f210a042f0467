// vm9's command line and QEMU as processes of their own, watched while their guest runs a shell's line.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mountOptions, mountPoint, QemuImages, runByAgent, spawnQemu } from './guests.ts';

const runVm = fileURLToPath(new URL('../../run-vm.js', import.meta.url));
const watchedMilliseconds = 100;

export interface Watched {
  /** What the line printed. */
  readonly output: string;
  readonly process: ProcessWatch;
  /** What `--stats` says of the translator. */
  readonly translator?: string;
}

/** What /proc says of a process, until `stop`; zeros where there is none. */
class ProcessWatch {
  readonly #folder: string;
  readonly #timer = setInterval(() => this.#look(), watchedMilliseconds);
  readonly #started = performance.now();
  /** Resident memory in MiB: at the last look, and the most that there was. */
  resident = 0;
  mostResident = 0;
  /** Of the time, for which its thread that did so longest waited for a processor that other programs used, in percent. */
  waited = 0;

  constructor(pid: number | undefined) {
    this.#folder = `/proc/${pid}`;
  }

  /** At the end of the work: what a process gives back when it ends does not count. */
  stop(): void {
    this.#look();
    clearInterval(this.#timer);
  }

  #look(): void {
    const status = this.#read('status');
    const [resident, most] = ['VmRSS', 'VmHWM'].map(
      (name) => new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1],
    );
    // A process that has ended has neither.
    if (resident === undefined || most === undefined) return;
    this.resident = Number(resident) / 1024;
    this.mostResident = Number(most) / 1024;
    // schedstat: nanoseconds on a processor, nanoseconds ready for one, and how often.
    const waits = readdirSync(`${this.#folder}/task`).map((task) =>
      Number(this.#read(`task/${task}/schedstat`).split(' ')[1]),
    );
    this.waited = Math.max(0, ...waits.filter(Number.isFinite)) / 1e4 / (performance.now() - this.#started);
  }

  #read(name: string): string {
    const file = `${this.#folder}/${name}`;
    return existsSync(file) ? readFileSync(file, 'latin1') : '';
  }
}

/** Boots vm9's guest with `share` mounted and runs a shell's line there, which prints when its work is done. */
export async function watchVm9(share: string, line: string): Promise<Watched> {
  const words = [runVm, '--share', `${share},cache=loose`, '--stats', '--exec', line];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const watch = new ProcessWatch(child.pid);
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output === '') watch.stop();
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  watch.stop();
  if (status !== 0) throw new Error(`vm9 ended with status ${status}: ${errors}`);
  return { output, process: watch, translator: /^translator: (.*?)(?:; exits: .*)?$/m.exec(errors)?.[1] ?? 'nothing' };
}

/** The same in QEMU. */
export async function watchQemu(share: string, line: string): Promise<Watched> {
  const images = new QemuImages();
  const { child, agent } = spawnQemu(images, share);
  const watch = new ProcessWatch(child.pid);
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  try {
    await agent.mount({ tag: 'host', path: mountPoint, options: mountOptions('loose', 512_000) });
    const { code, stdout, stderr } = await runByAgent(agent, line, mountPoint);
    if (code !== 0) throw new Error(`the line ended with status ${code} in QEMU: ${stderr}`);
    return { output: stdout, process: watch };
  } finally {
    watch.stop();
    child.kill('SIGKILL');
    await exited;
    images.dispose();
  }
}
