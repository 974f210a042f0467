// The programs from outside that the bench compares with or needs.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const compiler = 'riscv64-linux-gnu-gcc';
export const qemu = 'qemu-system-riscv64';

export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Compiles guest/NAME.c for the guest, without need of a library there, to `folder`/NAME. */
export function compileForGuest(name: string, folder: string): void {
  const source = fileURLToPath(new URL(`guest/${name}.c`, import.meta.url));
  execFileSync(compiler, ['-O2', '-static', '-march=rv64gc', '-Wall', '-Wextra', '-o', join(folder, name), source]);
}
