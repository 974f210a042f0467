// The programs of this folder in a guest whose shares are not mounted: each run mounts one anew, in a cache mode.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVm, hostFolder, memory, type ShareSource, type Vm } from 'vm9';
import { compiler } from '../bench/tools.ts';

/** `tmpfs` is the guest's own, as the yardstick. */
export const backends = ['tmpfs', 'folder', 'mapped', 'memory'] as const;
export type Backend = (typeof backends)[number];
export const modes = ['none', 'readahead', 'mmap', 'loose'] as const;
export type Mode = (typeof modes)[number];

/** A program for the guest, of C sources of this folder. */
function compile(names: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-posix-program-'));
  try {
    const options = ['-O1', '-static', '-march=rv64gc', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
    const sources = names.map((name) => fileURLToPath(new URL(name, import.meta.url)));
    execFileSync(compiler, [...options, '-o', join(folder, 'program'), ...sources]);
    return readFileSync(join(folder, 'program'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The sources of each program: all in this folder that are no program of their own are topics of the suite. */
function programs(): Record<'posix' | 'random', string[]> {
  const sources = readdirSync(fileURLToPath(new URL('.', import.meta.url))).filter((name) => name.endsWith('.c'));
  return { posix: sources.filter((name) => name !== 'random.c'), random: ['random.c'] };
}

export class PosixGuest {
  readonly #vm: Vm;
  readonly #folders: readonly string[];

  private constructor(vm: Vm, folders: readonly string[]) {
    this.#vm = vm;
    this.#folders = folders;
  }

  /** Boots a guest that has the programs in /tmp. */
  static async start(): Promise<PosixGuest> {
    const [plain, mapped] = ['vm9-posix-', 'vm9-posix-'].map((prefix) => mkdtempSync(join(tmpdir(), prefix)));
    const sources: Record<Exclude<Backend, 'tmpfs'>, ShareSource> = {
      folder: hostFolder(plain!),
      mapped: hostFolder(mapped!, { security: 'mapped' }),
      memory: memory(),
    };
    // Each twice, because the server has to know whether the guest stores what it writes later.
    const shares = Object.entries(sources).flatMap(([tag, source]) =>
      (['none', 'mmap'] as const).map((cache) => ({ tag: `${tag}-${cache}`, source, mount: 'none', cache })),
    );
    const guest = new PosixGuest(createVm({ shares }), [plain!, mapped!]);
    await guest.#vm.start();
    for (const [name, sources] of Object.entries(programs()))
      await guest.#run(`cat > /tmp/${name} && chmod +x /tmp/${name}`, new Uint8Array(compile(sources)));
    for (const backend of backends) {
      await guest.#run(`mkdir -p /mnt/${backend}`);
      if (backend === 'tmpfs') await guest.#run(`mount -t tmpfs tmpfs /mnt/tmpfs`);
    }
    return guest;
  }

  /** Resolves with what a shell's line prints that runs in / while the share is mounted at /mnt/BACKEND. Throws when it fails. */
  async run(backend: Backend, mode: Mode, line: string): Promise<string> {
    if (backend === 'tmpfs') return this.#run(line);
    const tag = `${backend}-${mode === 'mmap' || mode === 'loose' ? 'mmap' : 'none'}`;
    await this.#run(
      `mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=${mode} ${tag} /mnt/${backend} && ` +
        `chmod 755 /mnt/${backend}`,
    );
    try {
      return await this.#run(line);
    } finally {
      await this.#run(`umount /mnt/${backend}`);
    }
  }

  async dispose(): Promise<void> {
    await this.#vm.dispose();
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }

  async #run(line: string, stdin?: Uint8Array): Promise<string> {
    const { stdout, stderr, status } = await this.#vm
      .exec(line, { cwd: '/', ...(stdin === undefined ? {} : { stdin }) })
      .output();
    const text = Buffer.from(stdout).toString('latin1');
    if (status !== 0) throw new Error(`${line}: status ${status}: ${text}${Buffer.from(stderr).toString()}`);
    return text;
  }
}
