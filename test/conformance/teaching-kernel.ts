// The kernel of kernel/, compiled, and run on a machine that shows its UART.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { compiler } from '../bench/tools.ts';
import { runVmPath } from '../boot/command-line.ts';

const sources = fileURLToPath(new URL('kernel/', import.meta.url));
const options =
  '-march=rv64imac_zicsr -mabi=lp64 -mcmodel=medany -O2 -ffreestanding -fno-pic -fno-builtin -fno-stack-protector ' +
  '-fno-tree-loop-distribute-patterns -nostdlib -static -msmall-data-limit=0 -mno-relax -Wall -Wextra -Werror ' +
  '-Wl,--build-id=none -Wl,--no-warn-rwx-segments';

/** The path of the ELF file, in `folder`. */
export function buildKernel(folder: string): string {
  const link = (name: string, script: string, files: readonly string[]): string => {
    const output = join(folder, name);
    const inputs = files.map((file) => join(sources, file));
    execFileSync(compiler, [
      ...options.split(' '),
      '-T',
      join(sources, script),
      '-Wa,-I,' + folder,
      '-o',
      output,
      ...inputs,
    ]);
    return output;
  };
  const program = link('user.elf', 'user.ld', ['user.c', 'memory.c']);
  execFileSync('riscv64-linux-gnu-objcopy', ['-O', 'binary', program, join(folder, 'user.bin')]);
  const parts = ['main', 'uart', 'plic', 'paging', 'process', 'disk', 'memory'].map((name) => `${name}.c`);
  return link('kernel.elf', 'kernel.ld', ['entry.S', ...parts]);
}

export interface KernelRun {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly stderr: string;
}

/** Types each of `answers` behind its prompt: the UART's buffer holds nothing that comes before somebody listens. */
export async function converse(child: ChildProcess, answers: readonly string[]): Promise<KernelRun> {
  let [output, stderr, typed] = ['', '', 0];
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes.toString();
    while (typed < answers.length && output.includes(`type line ${typed + 1}`)) {
      child.stdin?.write(`${answers[typed]}\n`);
      typed += 1;
    }
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const status = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  clearTimeout(timer);
  return { status, lines: output.replaceAll('\r', '').trimEnd().split('\n'), stderr };
}

export function runInVm9(
  kernel: string,
  answers: readonly string[],
  words: readonly string[] = [],
): Promise<KernelRun> {
  const own = [runVmPath, '--firmware', kernel, '--kernel', 'none', '--memory', '128', ...words];
  return converse(spawn(process.execPath, own), answers);
}

export function runInQemu(
  kernel: string,
  answers: readonly string[],
  words: readonly string[] = [],
): Promise<KernelRun> {
  const machine = '-M virt -cpu rv64 -m 128 -display none -serial stdio -monitor none -no-reboot';
  const devices = '-global virtio-mmio.force-legacy=false';
  const own = [...machine.split(' '), ...devices.split(' '), '-bios', kernel, ...words];
  return converse(spawn('qemu-system-riscv64', own), answers);
}
