// A guest with the programs of this folder, whose shares are not mounted: each run mounts one anew, in a cache mode.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiler } from '../bench/tools.ts';
import { shareTag, type Backend, type Mode, type PosixMachine } from './machine.ts';

/** A program for the guest, of C sources of this folder. */
export function compile(names: readonly string[]): Buffer {
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
  return { posix: sources.filter((name) => !['random.c', 'moves.c'].includes(name)), random: ['random.c'] };
}

export class PosixGuest {
  readonly #machine: PosixMachine;

  private constructor(machine: PosixMachine) {
    this.#machine = machine;
  }

  /** Puts the programs into /tmp. */
  static async prepare(machine: PosixMachine, backends: readonly Backend[]): Promise<PosixGuest> {
    const guest = new PosixGuest(machine);
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
    const tag = shareTag(backend, mode === 'mmap' || mode === 'loose');
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

  dispose(): Promise<void> {
    return this.#machine.dispose();
  }

  async #run(line: string, stdin?: Uint8Array): Promise<string> {
    const { stdout, stderr, status } = await this.#machine.run(line, stdin);
    if (status !== 0) throw new Error(`${line}: status ${status}: ${stdout}${stderr}`);
    return stdout;
  }
}
