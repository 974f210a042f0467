// The device tree of QEMU's virt board: Devicetree Specification v0.4, and the bindings in Linux's
// Documentation/devicetree/bindings (riscv/cpus, riscv/extensions, interrupt-controller, power/reset/syscon-*).
import { plicSources } from '../devices/plic.ts';
import { board, timebaseFrequency, virtioBase, virtioIrq } from './board.ts';
import type { HartFeatures } from './cpu/riscv/features.ts';
import { cells, empty, flattenDeviceTree, longs, strings } from './device-tree.ts';
import type { DeviceNode } from './device-tree.ts';

export type MmuType = 'riscv,sv39' | 'riscv,sv48';

export interface VirtTreeOptions {
  /** RAM in bytes. */
  memorySize: number;
  /** Harts, with ids from 0. */
  harts: number;
  /** What the harts offer beyond rv64i, single letters first: `['i', 'm', … 'zicsr', … 'sstc']`. */
  extensions?: readonly string[];
  /** The largest page tables that they take. */
  mmuType?: MmuType;
  /** virtio-mmio slots. */
  virtioSlots?: number;
  /** The kernel's command line. */
  commandLine: string;
  /** Physical addresses of the initramfs, `end` is the first behind it. */
  initrd?: { readonly start: number; readonly end: number } | undefined;
  /** Random bytes from which the kernel seeds its generator before any driver runs. */
  rngSeed: Uint8Array<ArrayBufferLike>;
  /** Further nodes of the `soc` bus, such as a PCI host. */
  socNodes?: readonly DeviceNode[];
}

/** In the order of Volume I, "ISA Extension Naming Conventions", as QEMU's `riscv,isa` has them. */
const defaultExtensions: readonly string[] = 'i m a f d c zicsr zifencei zba zbb zbs sstc'.split(' ');

/** What the tree says of harts with these features. */
export function describeFeatures({
  sv48,
  svadu,
  svade,
}: HartFeatures): Pick<VirtTreeOptions, 'extensions' | 'mmuType'> {
  return {
    // Linux, Documentation/devicetree/bindings/riscv/extensions.yaml: with both, Svadu is off until it is asked for.
    extensions: [...defaultExtensions, ...(svade ? ['svade'] : []), ...(svadu ? ['svadu'] : [])],
    mmuType: sv48 ? 'riscv,sv48' : 'riscv,sv39',
  };
}

const finisherPhandle = 2;
const cpuPhandle = (hart: number): number => 16 + 2 * hart;
const hartInterruptsPhandle = (hart: number): number => 17 + 2 * hart;

/** Privileged architecture, table 3.6: the interrupts of a hart by number. */
const hartInterrupt = { machineSoftware: 3, machineTimer: 7, supervisorExternal: 9, machineExternal: 11 } as const;

const serialPath = `/soc/serial@${board.uart.base.toString(16)}`;

/** The board as configured, as the blob whose address the kernel finds in a1. */
export function virtDeviceTree(options: VirtTreeOptions): Uint8Array<ArrayBuffer> {
  return flattenDeviceTree({
    name: '',
    properties: {
      '#address-cells': cells(2),
      '#size-cells': cells(2),
      compatible: strings('riscv-virtio'),
      model: strings('riscv-virtio,vm9'),
    },
    children: [
      { name: 'aliases', properties: { serial0: strings(serialPath) } },
      chosen(options),
      memory(options),
      cpus(options),
      soc(options),
      syscon('poweroff', 0x5555),
      syscon('reboot', 0x7777),
    ],
  });
}

function chosen({ commandLine, initrd, rngSeed }: VirtTreeOptions): DeviceNode {
  return {
    name: 'chosen',
    properties: {
      bootargs: strings(commandLine),
      'stdout-path': strings(serialPath),
      'rng-seed': rngSeed,
      ...(initrd && { 'linux,initrd-start': longs(initrd.start), 'linux,initrd-end': longs(initrd.end) }),
    },
  };
}

function memory({ memorySize }: VirtTreeOptions): DeviceNode {
  return {
    name: `memory@${board.ram.base.toString(16)}`,
    properties: { device_type: strings('memory'), reg: longs(board.ram.base, memorySize) },
  };
}

function cpus({ harts, extensions = defaultExtensions, mmuType = 'riscv,sv39' }: VirtTreeOptions): DeviceNode {
  return {
    name: 'cpus',
    properties: {
      '#address-cells': cells(1),
      '#size-cells': cells(0),
      'timebase-frequency': cells(timebaseFrequency),
    },
    children: [
      ...hartIds(harts).map((hart) => cpu(hart, extensions, mmuType)),
      {
        name: 'cpu-map',
        children: [
          {
            name: 'cluster0',
            children: hartIds(harts).map((hart) => ({
              name: `core${hart}`,
              properties: { cpu: cells(cpuPhandle(hart)) },
            })),
          },
        ],
      },
    ],
  };
}

function cpu(hart: number, extensions: readonly string[], mmuType: MmuType): DeviceNode {
  return {
    name: `cpu@${hart}`,
    properties: {
      device_type: strings('cpu'),
      reg: cells(hart),
      status: strings('okay'),
      compatible: strings('riscv'),
      // Both ways of telling the extensions: kernels before 6.7 read only the first.
      'riscv,isa': strings(isaString(extensions)),
      'riscv,isa-base': strings('rv64i'),
      'riscv,isa-extensions': strings(...extensions),
      'mmu-type': strings(mmuType),
      phandle: cells(cpuPhandle(hart)),
    },
    children: [
      {
        name: 'interrupt-controller',
        properties: {
          compatible: strings('riscv,cpu-intc'),
          'interrupt-controller': empty,
          '#interrupt-cells': cells(1),
          '#address-cells': cells(0),
          phandle: cells(hartInterruptsPhandle(hart)),
        },
      },
    ],
  };
}

/** As in `rv64imafdc_zicsr_zifencei_zba_zbb_zbs_sstc`. */
function isaString(extensions: readonly string[]): string {
  const letters = extensions.filter((extension) => extension.length === 1).join('');
  return [`rv64${letters}`, ...extensions.filter((extension) => extension.length > 1)].join('_');
}

function soc({ harts, virtioSlots = board.virtio.slots, socNodes = [] }: VirtTreeOptions): DeviceNode {
  return {
    name: 'soc',
    properties: {
      '#address-cells': cells(2),
      '#size-cells': cells(2),
      compatible: strings('simple-bus'),
      ranges: empty,
    },
    children: [
      device('test', board.testFinisher, ['sifive,test1', 'sifive,test0', 'syscon'], {
        phandle: cells(finisherPhandle),
      }),
      device('rtc', board.rtc, ['google,goldfish-rtc'], interrupt(board.rtc.irq)),
      device('clint', board.clint, ['sifive,clint0', 'riscv,clint0'], {
        'interrupts-extended': toHarts(harts, hartInterrupt.machineSoftware, hartInterrupt.machineTimer),
      }),
      device('plic', board.plic, ['sifive,plic-1.0.0', 'riscv,plic0'], {
        'interrupts-extended': toHarts(harts, hartInterrupt.machineExternal, hartInterrupt.supervisorExternal),
        'interrupt-controller': empty,
        '#interrupt-cells': cells(1),
        '#address-cells': cells(0),
        'riscv,ndev': cells(plicSources),
        phandle: cells(board.plic.phandle),
      }),
      device('serial', board.uart, ['ns16550a'], {
        ...interrupt(board.uart.irq),
        'clock-frequency': cells(board.uart.clockFrequency),
      }),
      // In ascending order: Linux numbers the devices as it finds them.
      ...Array.from({ length: virtioSlots }, (_, slot) =>
        device(
          'virtio_mmio',
          { base: virtioBase(slot), size: board.virtio.stride },
          ['virtio,mmio'],
          interrupt(virtioIrq(slot)),
        ),
      ),
      ...socNodes,
    ],
  };
}

function device(
  name: string,
  { base, size }: { readonly base: number; readonly size: number },
  compatible: readonly string[],
  properties: DeviceNode['properties'],
): DeviceNode {
  return {
    name: `${name}@${base.toString(16)}`,
    properties: { compatible: strings(...compatible), reg: longs(base, size), ...properties },
  };
}

function interrupt(source: number): DeviceNode['properties'] {
  return { interrupts: cells(source), 'interrupt-parent': cells(board.plic.phandle) };
}

/** Two lines of a controller to each hart. */
function toHarts(harts: number, first: number, second: number): ReturnType<typeof cells> {
  return cells(
    ...hartIds(harts).flatMap((hart) => [hartInterruptsPhandle(hart), first, hartInterruptsPhandle(hart), second]),
  );
}

/** Writing `value` to the test finisher powers off or reboots. */
function syscon(what: 'poweroff' | 'reboot', value: number): DeviceNode {
  return {
    name: what,
    properties: {
      compatible: strings(`syscon-${what}`),
      regmap: cells(finisherPhandle),
      offset: cells(0),
      value: cells(value),
    },
  };
}

function hartIds(harts: number): number[] {
  return Array.from({ length: harts }, (_, hart) => hart);
}
