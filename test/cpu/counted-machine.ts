// A machine under `--clock icount`, and all that it is in the end: its registers, caches and RAM lie in one memory.
import { createHash } from 'node:crypto';
import { decodeAhead } from '../../src/cpu/riscv/decode-ahead.ts';
import { at, ramOffset } from '../../src/cpu/riscv/layout.ts';
import { Machine } from '../../src/machine.ts';
import { NodeHost } from '../../src/node/host.ts';
import { PciSlots } from '../../src/pci-slots.ts';
import { SnapshotFile, writeSnapshot } from '../../src/snapshot/container.ts';
import { readDecodedPlaces } from '../../src/snapshot/decoded-places.ts';
import { restoreMachine } from '../../src/snapshot/machine-snapshot.ts';
import { restoreRam } from '../../src/snapshot/ram.ts';
import { readShape } from '../../src/snapshot/shape.ts';
import { readWarm, warmUp } from '../../src/snapshot/warm-hart.ts';
import { takeSnapshot } from '../../src/snapshot/worker-side.ts';
import { MmioSlots } from '../../src/virtio-slots.ts';
import { defaultCpuFeatures } from '../../src/vm-options.ts';
import type { MachineDrive, MachineShare } from '../../src/worker-machine.ts';
import type { CpuEngine, VirtioTransport } from '../../src/worker-protocol.ts';

export interface CountedRun {
  readonly kernel?: Uint8Array;
  readonly firmware?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly memoryBytes: number;
  readonly commandLine?: string;
  /** Ends the run at the moment when the guest's agent opens its port. */
  readonly untilAgent?: boolean;
  /** Default: the interpreter. */
  readonly cpu?: CpuEngine;
  /** Default: mmio. */
  readonly transport?: VirtioTransport;
  /** A reboot restarts the guest; default: it ends the run. */
  readonly restarts?: boolean;
  readonly shares?: readonly MachineShare[];
  readonly drives?: readonly MachineDrive[];
  /** Goes on from this snapshot. */
  readonly resume?: Uint8Array;
  /** Saves the machine, which ends with that, in the slice that begins at so many instructions or later; at 0 it is asked to before it runs. */
  readonly saveAt?: number;
  /** Whether a snapshot will do; if not, the machine runs on, and is saved again a little later. */
  readonly accept?: (snapshot: Uint8Array) => boolean;
  /** The snapshot is as the cache of booted machines has it: not packed, with the interpreter and what was decoded. */
  readonly warm?: boolean;
  /** Stops the machine after so many milliseconds, wherever it is; without shared memory then, which lets messages in. */
  readonly patience?: number;
}

export interface CountedResult {
  readonly reason: string;
  readonly instructions: number;
  /** Of what the guest has sent over UART and console. */
  readonly output: string;
  /** Of the whole memory, with what the hart keeps for itself. */
  readonly memory: string;
  /** Of what the guest can see: registers and RAM. */
  readonly guest: string;
  /** What the guest has sent over the UART. */
  readonly text: string;
  readonly snapshot?: Uint8Array;
}

/** Instructions after a snapshot that was not accepted. */
const untilAccepted = 500_000;

/** Tells when a slice begins. */
class SlicedHost extends NodeHost {
  onSlice: () => void = () => undefined;

  override now(): number {
    this.onSlice();
    return super.now();
  }
}

/** Runs a machine to its end. */
export async function runCounted({
  kernel,
  firmware,
  initrd,
  memoryBytes,
  commandLine = '',
  untilAgent,
  cpu = 'interpreter',
  transport = 'mmio',
  restarts = false,
  shares = [],
  drives = [],
  resume,
  saveAt,
  accept = () => true,
  warm = false,
  patience,
}: CountedRun): Promise<CountedResult> {
  const output = createHash('sha256');
  const host = new SlicedHost(new Int32Array(patience === undefined ? new SharedArrayBuffer(4) : new ArrayBuffer(4)));
  const text: Uint8Array[] = [];
  const snapshot = resume && new SnapshotFile(resume);
  const kept = warm && snapshot !== undefined ? readWarm(snapshot) : undefined;
  const log = (line: string): void => void output.update(line);
  const { machine, memory } = withItsMemory(
    () =>
      new Machine({
        host,
        memoryBytes,
        sharedMemory: true,
        clock: 'icount',
        cpu,
        features: defaultCpuFeatures,
        bootImage: () =>
          Promise.resolve({
            ...(kernel !== undefined && { kernel }),
            ...(firmware !== undefined && { firmware }),
            ...(initrd !== undefined && { initrd }),
          }),
        commandLine,
        ...(snapshot !== undefined && {
          resume: async (parts) => {
            const { base, length } = parts.ram;
            const ram = async (): Promise<void> => {
              await restoreRam(snapshot, parts.ram.view(base, length), host);
              const places = readDecodedPlaces(snapshot, length);
              if (places !== undefined) parts.core.hart.pages.adopt(decodeAhead(parts.memory.buffer, length, places));
            };
            await restoreMachine(snapshot, parts, ram, log);
            if (kept !== undefined) warmUp(parts.core.hart, kept);
          },
          interpreter: kept?.interpreter,
          shape: readShape(snapshot),
        }),
        shares,
        drives,
        makeSlots: (source) =>
          transport === 'pci' ? new PciSlots(source, new MmioSlots(source)) : new MmioSlots(source),
        noReboot: !restarts,
        onUartOutput: (bytes) => {
          output.update(bytes);
          text.push(bytes);
        },
        onUartInputRoom: () => undefined,
        log,
      }),
  );
  machine.consolePort.listen({ data: (bytes) => void output.update(bytes) });
  machine.agentPort.listen({
    data: () => undefined,
    open: (open) => {
      if (open && untilAgent === true) machine.stop();
    },
  });
  let saved: Uint8Array | undefined;
  let isSaving = false;
  let saving = Promise.resolve();
  let next = saveAt ?? Number.POSITIVE_INFINITY;
  host.onSlice = () => {
    if (isSaving || machine.statistics().instructions < next) return;
    isSaving = true;
    saving = machine.atRest(async (parts) => {
      const bytes = writeSnapshot('test', await takeSnapshot(parts, host, !warm, () => ({})));
      isSaving = accept(bytes);
      next += untilAccepted;
      if (!isSaving) return;
      saved = bytes;
      machine.stop();
    });
  };
  host.onSlice();
  const timer = setTimeout(() => machine.stop(), patience ?? 2 ** 31 - 1);
  const { reason } = await machine.run().finally(() => clearTimeout(timer));
  // Between x and f lies what takes writes to x0.
  const visible = [
    [at.x, at.x + 32 * 8],
    [at.f, at.pc + 8],
    [at.fflags, at.readCache],
    [at.mstatus, at.alone],
    [ramOffset, memory.buffer.byteLength],
  ] as const;
  await saving;
  return {
    reason,
    instructions: machine.statistics().instructions,
    output: output.digest('hex'),
    text: Buffer.concat(text).toString(),
    ...(saved !== undefined && { snapshot: saved }),
    memory: createHash('sha256').update(new Uint8Array(memory.buffer)).digest('hex'),
    guest: visible
      .reduce((hash, [from, to]) => hash.update(new Uint8Array(memory.buffer, from, to - from)), createHash('sha256'))
      .digest('hex'),
  };
}

/** Makes a machine and catches the memory that it makes for itself. */
function withItsMemory(make: () => Machine): { machine: Machine; memory: WebAssembly.Memory } {
  const { Memory } = WebAssembly;
  const made: WebAssembly.Memory[] = [];
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made.push(this);
    }
  };
  try {
    const machine = make();
    const [memory] = made;
    if (memory === undefined || made.length !== 1) throw new Error('a machine has one memory');
    return { machine, memory };
  } finally {
    WebAssembly.Memory = Memory;
  }
}
