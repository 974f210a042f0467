// The same guest twice, in vm9 and under QEMU: kernel, initial file system, command line, RAM and devices are the same,
// and so is the folder that is shared.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  builtInCommandLine,
  createVm,
  defaultMemory,
  hostFile,
  hostFolder,
  type CpuEngine,
  type HostFolderOptions,
  type VirtioTransport,
  type VmStatistics,
} from 'vm9';
import { Agent, type AgentPort, type AgentPortEvents } from '../../src/agent.ts';
import { qemuProcessor } from '../qemu-processor.ts';
import { cpuSecondsOf, isInstalled, qemu } from './tools.ts';

const images = fileURLToPath(new URL('../../guest-images/images/', import.meta.url));

/** Where the bench mounts the share. */
export const mountPoint = '/mnt/host';

/** Options of a mount, as after `mount -o`. */
export const mountOptions = (cache: string, messageSize: number): string => `cache=${cache},msize=${messageSize}`;

/** A booted guest. The share is not mounted until `mount`. */
export interface Guest {
  readonly name: 'vm9' | 'vm9 interpreter' | 'QEMU' | 'v86';
  /** Runs a shell's line in / and resolves with its output. Throws when it fails. */
  run(line: string): Promise<string>;
  /** Seconds of processor time that it has used so far, all threads together; undefined where that is not known. */
  cpuSeconds(): number | undefined;
  /** Of vm9 only. */
  statistics?(): Promise<VmStatistics>;
  dispose(): Promise<void>;
}

/** Millions of instructions for each second in which the guest was not idle. */
export function mipsBetween(before: VmStatistics, after: VmStatistics): number {
  return (after.instructions - before.instructions) / 1e6 / (after.busySeconds - before.busySeconds);
}

/** Mounts the share, which is unmounted before if it was mounted: nothing of it stays cached. */
export async function remount(guest: Guest, options: string, tag = 'host'): Promise<void> {
  const flags = `trans=virtio,version=9p2000.L,${options}`;
  await guest.run(
    `cd / && mkdir -p ${mountPoint} && { ! grep -q ' ${mountPoint} ' /proc/mounts || umount ${mountPoint}; } && ` +
      `mount -t 9p -o ${flags} ${tag} ${mountPoint}`,
  );
}

export async function startVm9(
  share: string,
  cpu: CpuEngine = 'translator',
  options: HostFolderOptions = {},
  transport: VirtioTransport = 'mmio',
  image?: string,
): Promise<Guest> {
  const shares = [{ source: hostFolder(share, options), mount: 'none' }];
  const vm = createVm({ cpu, transport, shares, drives: image === undefined ? [] : [{ source: hostFile(image) }] });
  await vm.start();
  await vm.ready;
  return {
    name: cpu === 'translator' ? 'vm9' : 'vm9 interpreter',
    async run(line) {
      const { stdout, stderr, status } = await vm.exec(line, { cwd: '/' }).output();
      return checked(line, status, decode(stdout), decode(stderr));
    },
    cpuSeconds: () => cpuSecondsOf(process.pid),
    statistics: () => vm.statistics(),
    dispose: () => vm.dispose(),
  };
}

/** The images as QEMU takes them, unpacked, in a folder of their own. */
export class QemuImages {
  readonly folder = mkdtempSync(join(tmpdir(), 'vm9-bench-qemu-'));
  readonly kernel = this.#unpack('vmlinux-riscv64.gz');
  readonly initrd = this.#unpack('initramfs-riscv64.cpio.gz');

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #unpack(name: string): string {
    const path = join(this.folder, name.replace(/\.gz$/, ''));
    writeFileSync(path, gunzipSync(readFileSync(join(images, name))));
    return path;
  }
}

/** QEMU's disk, cached by the host and flushed when the guest asks, as vm9's is. */
const drive = 'id=disk,if=none,format=raw,cache=writeback';

/** Starts QEMU with the agent's port at its standard input and output. */
export function spawnQemu(
  { kernel, initrd }: Pick<QemuImages, 'kernel' | 'initrd'>,
  share: string,
  security = 'none',
  image?: string,
): { child: ChildProcess; agent: Agent } {
  const board = `-M virt -cpu ${qemuProcessor} -smp 1 -m ${defaultMemory} -display none -serial null -monitor none -no-reboot`;
  const devices =
    '-global virtio-mmio.force-legacy=false -chardev stdio,id=agent,signal=off -device virtio-serial-device ' +
    '-device virtserialport,chardev=agent,name=vm9.agent -device virtio-rng-device ' +
    '-device virtio-9p-device,fsdev=share,mount_tag=host';
  const words = [
    ...board.split(' '),
    ...devices.split(' '),
    '-fsdev',
    `local,id=share,path=${share},security_model=${security}`,
    ...(image === undefined ? [] : ['-device', 'virtio-blk-device,drive=disk', '-drive', `${drive},file=${image}`]),
    '-kernel',
    kernel,
    '-initrd',
    initrd,
    '-append',
    builtInCommandLine,
  ];
  const child = spawn(qemu, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  return { child, agent: new Agent(new ProcessPort(child)) };
}

/** `security` is QEMU's model, with what else its share is told; `image` is its disk, if it has one. */
export async function startQemu(files: QemuImages, share: string, security?: string, image?: string): Promise<Guest> {
  const { child, agent } = spawnQemu(files, share, security, image);
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  await agent.ready;
  return {
    name: 'QEMU',
    async run(line) {
      const { code, stdout, stderr } = await runByAgent(agent, line, '/');
      return checked(line, code, stdout, stderr);
    },
    cpuSeconds: () => cpuSecondsOf(child.pid),
    async dispose() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/**
 * Fills a folder of the host, starts guests with it mounted as `cache=loose` (vm9's, its interpreter's where that is wanted,
 * and QEMU's where that is installed), hands them over, and leaves nothing of all that. `disk` has each have a copy of these
 * bytes as /dev/vda. Resolves with whether QEMU was there.
 */
export async function withGuests(
  fill: (folder: string) => void,
  use: (guests: readonly Guest[]) => Promise<void>,
  { interpreter = false, disk }: { readonly interpreter?: boolean; readonly disk?: Uint8Array } = {},
): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-share-'));
  const files = isInstalled(qemu) ? new QemuImages() : undefined;
  const disks = mkdtempSync(join(tmpdir(), 'vm9-bench-disks-'));
  const image = (name: string): string | undefined => {
    if (disk === undefined) return undefined;
    const path = join(disks, `${name}.img`);
    writeFileSync(path, disk);
    return path;
  };
  const guests: Guest[] = [];
  try {
    fill(folder);
    guests.push(await startVm9(folder, 'translator', {}, 'mmio', image('vm9')));
    if (interpreter) guests.push(await startVm9(folder, 'interpreter', {}, 'mmio', image('interpreter')));
    if (files !== undefined) guests.push(await startQemu(files, folder, undefined, image('qemu')));
    for (const guest of guests) await remount(guest, mountOptions('loose', 512_000));
    await use(guests);
  } finally {
    for (const guest of guests) await guest.dispose();
    files?.dispose();
    for (const each of [folder, disks]) rmSync(each, { recursive: true, force: true });
  }
  return files !== undefined;
}

/** What a report says where `withGuests` had no QEMU. */
export const notBesideQemu = `not run: QEMU beside it, for want of ${qemu} (make deps)\n\n`;

/** Runs a shell's line to its end. `code` is -1 when a signal killed it. */
export async function runByAgent(
  agent: Agent,
  command: string,
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const running = await agent.exec({
    command,
    cwd,
    onStdout: (bytes) => {
      stdout += decode(bytes);
    },
    onStderr: (bytes) => {
      stderr += decode(bytes);
    },
  });
  running.end();
  const exit = await running.exit;
  return { code: 'code' in exit ? exit.code : -1, stdout, stderr };
}

/** The agent's port at a process's standard input and output. */
class ProcessPort implements AgentPort {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  attach(events: AgentPortEvents): void {
    this.#child.stdout?.on('data', (bytes: Buffer) => events.data(bytes));
    this.#child.on('close', () => events.closed('QEMU has ended'));
    this.#child.on('error', (error) => events.closed(error.message));
  }

  /** The stream keeps what the pipe does not take: the bench writes little. */
  write(bytes: Uint8Array): number {
    this.#child.stdin?.write(bytes.slice());
    return bytes.length;
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function checked(line: string, status: number, stdout: string, stderr: string): string {
  if (status !== 0) throw new Error(`${line}: status ${status}: ${stderr}`);
  return stdout;
}
