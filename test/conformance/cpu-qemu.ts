// QEMU as a machine that runs a flat image and leaves its RAM behind.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ramBytes } from '../cpu/riscv/stream/layout.ts';
import { qemuProcessor } from '../qemu-processor.ts';

const emulator = 'qemu-system-riscv64';

/** QEMU's version, or an error that says what is missing. */
export function qemuVersion(): string {
  const { error, stdout } = spawnSync(emulator, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) {
    throw new Error(`this comparison needs ${emulator} (Debian package qemu-system-misc): ${error.message}`);
  }
  return stdout.split('\n')[0] ?? '';
}

const mebibytes = ramBytes / 2 ** 20;

/**
 * Runs the image, which ends at the test finisher, and gives all of RAM as it is then. Undefined where it has not ended
 * when `signal` ends it.
 */
export async function runOnQemu(image: Uint8Array, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-cpu-'));
  try {
    const ram = join(folder, 'ram');
    writeFileSync(ram, image);
    truncateSync(ram, ramBytes);
    const child = spawn(
      emulator,
      `-M virt,memory-backend=ram -bios none -display none -serial none -monitor none -m ${mebibytes}M`
        .split(' ')
        .concat('-cpu', qemuProcessor)
        .concat('-object', `memory-backend-file,id=ram,size=${mebibytes}M,mem-path=${ram},share=on`),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let complaint = '';
    child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
    const kill = (): unknown => child.kill('SIGKILL');
    signal.addEventListener('abort', kill);
    const [status, killer] = (await once(child, 'close')) as [number | null, string | null];
    signal.removeEventListener('abort', kill);
    if (signal.aborted) return undefined;
    if (status !== 0) throw new Error(`${emulator} ended with ${status ?? killer}: ${complaint}`);
    return new Uint8Array(readFileSync(ram));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
