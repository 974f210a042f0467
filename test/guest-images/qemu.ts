// The guest images under QEMU, with the host's half of the agent protocol at the end of a virtio-serial port.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { AgentPort, AgentPortEvents } from '../../src/agent.ts';
import { qemuProcessor } from '../qemu-processor.ts';

/** A port over a socket, with the back-pressure of the socket's buffer. */
class SocketPort implements AgentPort {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  attach(events: AgentPortEvents): void {
    this.#socket.on('data', (bytes) => events.data(bytes));
    this.#socket.on('drain', () => events.writable());
    this.#socket.on('close', () => events.closed('the machine has stopped'));
  }

  write(bytes: Uint8Array): number {
    if (this.#socket.writableNeedDrain) return 0;
    // The socket keeps what it is given.
    this.#socket.write(bytes.slice());
    return bytes.length;
  }

  close(): void {
    this.#socket.destroy();
  }
}

export interface QemuOptions {
  kernel: string;
  initramfs: string;
  /** The folder that is shared with the tag `host`. */
  share: string;
  append?: string;
  /** A machine without any virtio console. */
  withoutConsole?: boolean;
  /** More arguments, as for an instruction counter. */
  extra?: readonly string[];
}

/** A guest under QEMU. */
export interface QemuGuest {
  agent: AgentPort;
  /** Connects to the agent's port again, after `agent.close()`. */
  reconnect(): Promise<AgentPort>;
  /** The bytes of the virtio console, hvc0. */
  console: Socket;
  /** Types on the UART. */
  type(text: string): void;
  /** What came over the UART so far. */
  serial(): string;
  exited: Promise<number | null>;
  process: ChildProcess;
  dispose(): void;
}

async function connectTo(path: string): Promise<Socket> {
  for (let tries = 0; ; tries++) {
    const socket = connect(path);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (connected) return socket;
    if (tries === 200) throw new Error(`no QEMU at ${path}`);
    await sleep(10);
  }
}

function unpacked(folder: string, file: string, name: string): string {
  const path = join(folder, name);
  const bytes = readFileSync(file);
  writeFileSync(path, file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  return path;
}

/** Starts QEMU, stopped until both sockets are connected. */
export async function startQemu(options: QemuOptions): Promise<QemuGuest> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-qemu-'));
  const kernel = unpacked(folder, options.kernel, 'kernel');
  const initramfs = unpacked(folder, options.initramfs, 'initramfs');
  const machine = `-M virt -cpu ${qemuProcessor} -m 256 -display none -serial stdio -monitor none -no-reboot -S`;
  const consoles =
    '-device virtio-serial-device -device virtconsole,chardev=console ' +
    '-device virtserialport,chardev=agent,name=vm9.agent';
  const devices =
    '-global virtio-mmio.force-legacy=false -device virtio-9p-device,fsdev=share,mount_tag=host -device virtio-rng-device';
  const socketAt = (name: string) => ['-chardev', `socket,id=${name},path=${folder}/${name},server=on,wait=off`];
  const child = spawn(
    'qemu-system-riscv64',
    [
      ...machine.split(' '),
      ...socketAt('console'),
      ...socketAt('agent'),
      '-qmp',
      `unix:${folder}/qmp,server=on,wait=off`,
      '-fsdev',
      `local,id=share,path=${options.share},security_model=none`,
      ...devices.split(' '),
      ...(options.withoutConsole ? [] : consoles.split(' ')),
      '-kernel',
      kernel,
      '-initrd',
      initramfs,
      '-append',
      `console=ttyS0 quiet ${options.append ?? ''}`,
      ...(options.extra ?? []),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let serial = '';
  child.stdout.on('data', (bytes: Buffer) => {
    serial += bytes.toString('latin1');
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  const [agent, guestConsole, qmp] = await Promise.all(
    ['agent', 'console', 'qmp'].map((name) => connectTo(join(folder, name))),
  );
  qmp!.write('{"execute":"qmp_capabilities"}{"execute":"cont"}');
  return {
    agent: new SocketPort(agent!),
    reconnect: async () => new SocketPort(await connectTo(join(folder, 'agent'))),
    type: (text) => void child.stdin.write(text),
    console: guestConsole!,
    serial: () => serial,
    exited,
    process: child,
    dispose() {
      for (const socket of [agent, guestConsole, qmp]) socket!.destroy();
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
