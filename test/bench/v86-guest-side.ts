// One of the two guests that v86-guest.ts compares, in a process of its own: a machine with a share in memory, which is filled
// from folders of the host. Runs a shell's line when it is told to.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVm, defaultMemory, memory } from 'vm9';
import { mountPoint } from './guests.ts';
import { loadEmulator, shareTag } from './v86-package.ts';
import { separator, type X86System } from './v86-system.ts';

/** Its argument, as JSON. */
export interface SideOptions {
  /** What is in these is put into the share. */
  readonly folders: readonly string[];
  /** Where npm has put v86, and what it boots; undefined for vm9. */
  readonly v86: { readonly folder: string; readonly system: X86System } | undefined;
}

/** What is sent when the machine has booted, with no output, and for each line that was sent to it. */
export type SideAnswer = { readonly output: string } | { readonly error: string };

interface Machine {
  /** Resolves with what the line has printed. */
  run(line: string): Promise<string>;
  /** Of the share. */
  makeFolder(path: string): Promise<unknown>;
  writeFile(path: string, content: Uint8Array<ArrayBuffer>): Promise<void>;
}

async function startVm9(): Promise<Machine> {
  const vm = createVm({ shares: [{ source: memory(), tag: shareTag, mount: 'none' }] });
  await vm.start();
  await vm.ready;
  const decoder = new TextDecoder();
  return {
    async run(line) {
      const { stdout, stderr, status } = await vm.exec(line, { cwd: '/' }).output();
      if (status !== 0) throw new Error(`${line}: status ${status}: ${decoder.decode(stderr)}`);
      return decoder.decode(stdout);
    },
    makeFolder: (path) => vm.fs(shareTag).mkdir(path),
    writeFile: (path, content) => vm.fs(shareTag).writeFile(path, content),
  };
}

/** What makes Debian's kernel fast here: no locks against the processor's leaks, no modules that judge each call. */
const commandLine = 'console=ttyS0 quiet tsc=reliable mitigations=off init_on_alloc=0 lsm= random.trust_cpu=on';

async function startV86({ folder, system }: NonNullable<SideOptions['v86']>): Promise<Machine> {
  const image = (path: string): object => ({ buffer: new Uint8Array(readFileSync(path)).buffer });
  let text = '';
  let answered: ((text: string) => void) | undefined;
  const answer = (): Promise<string> =>
    new Promise((resolve, reject) => {
      answered = resolve;
      setTimeout(() => reject(new Error(`v86 did not answer for five minutes: ${text}`)), 300_000).unref();
    });
  const emulator = await loadEmulator(folder, {
    bios: image(system.bios),
    vga_bios: image(system.vgaBios),
    bzimage: image(system.kernel),
    initrd: image(system.initrd),
    cmdline: commandLine,
    memory_size: defaultMemory * 2 ** 20,
    autostart: true,
  });
  emulator.add_listener('serial0-output-byte', (byte) => {
    text += String.fromCharCode(byte);
    if (!text.endsWith(separator)) return;
    const said = text.slice(0, -1);
    text = '';
    answered?.(said);
  });
  // What the BIOS and the kernel have said is of no concern.
  await answer();
  const run = async (line: string): Promise<string> => {
    emulator.serial0_send(`${line}\n`);
    const [, output = '', status] = /^(.*\n|)(\d+)\n$/s.exec(await answer()) ?? [];
    if (status !== '0') throw new Error(`${line}: status ${status}: ${output}`);
    return output;
  };
  await run(`mkdir -p ${mountPoint} && mount -t 9p -o trans=virtio,version=9p2000.L ${shareTag} ${mountPoint}`);
  return {
    run,
    makeFolder: (path) => run(`mkdir ${mountPoint}${path}`),
    writeFile: (path, content) => emulator.create_file(path, content),
  };
}

async function copyInto(machine: Machine, folder: string, path: string): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const [from, to] = [join(folder, entry.name), `${path}/${entry.name}`];
    if (entry.isDirectory()) {
      await machine.makeFolder(to);
      await copyInto(machine, from, to);
    } else await machine.writeFile(to, new Uint8Array(readFileSync(from)));
  }
}

function answerWith(work: Promise<string>): void {
  work.then(
    (output) => process.send!({ output } satisfies SideAnswer),
    (error: unknown) => process.send!({ error: String(error) } satisfies SideAnswer),
  );
}

async function start({ folders, v86 }: SideOptions): Promise<Machine> {
  const machine = await (v86 === undefined ? startVm9() : startV86(v86));
  for (const folder of folders) await copyInto(machine, folder, '');
  return machine;
}

const starting = start(JSON.parse(process.argv[2]!) as SideOptions);
answerWith(starting.then(() => ''));
process.on('message', (line: string) => answerWith(starting.then((machine) => machine.run(line))));
