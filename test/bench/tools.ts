// The programs from outside that the bench compares with or needs.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const compiler = 'riscv64-linux-gnu-gcc';
/** Of 32-bit x86. */
export const x86Compiler = 'i686-linux-gnu-gcc';
export const qemu = 'qemu-system-riscv64';

export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Compiles guest/NAME.c for the guest, without need of a library there, to `folder`/NAME. */
export function compileForGuest(name: string, folder: string, ...options: readonly string[]): void {
  compile(compiler, name, folder, ['-march=rv64gc', ...options]);
}

/** The same for a guest of v86. */
export function compileForX86(name: string, folder: string): void {
  compile(x86Compiler, name, folder, ['-march=i686']);
}

function compile(command: string, name: string, folder: string, options: readonly string[]): void {
  const source = fileURLToPath(new URL(`guest/${name}.c`, import.meta.url));
  const common = ['-O2', '-static', '-Wall', '-Wextra'];
  execFileSync(command, [...common, ...options, '-o', join(folder, name), source]);
}

/** Seconds of processor time that a process has used, all threads together; undefined where there is no /proc. */
export function cpuSecondsOf(pid: number | undefined): number | undefined {
  const file = `/proc/${pid}/stat`;
  if (pid === undefined || !existsSync(file)) return undefined;
  // proc(5): the second field is a name in parentheses, which may hold anything; utime and stime are the 14th and 15th.
  const fields = readFileSync(file, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  // Linux tells them in hundredths whatever its own tick is.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
