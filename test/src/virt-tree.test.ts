// The tree that a kernel finds, beside what QEMU's `-M virt` writes for the same board.
import { expect, test } from 'vitest';
import { cells, strings } from '../../src/device-tree.ts';
import { describeFeatures, virtDeviceTree } from '../../src/virt-tree.ts';
import type { VirtTreeOptions } from '../../src/virt-tree.ts';
import { cellsOf, nodeAt, parseTree, stringsOf, valueOf } from './flat-tree.ts';
import type { FlatNode } from './flat-tree.ts';

const mebibyte = 2 ** 20;

function tree(options: Partial<VirtTreeOptions> = {}): FlatNode {
  return parseTree(
    virtDeviceTree({
      memorySize: 128 * mebibyte,
      harts: 1,
      commandLine: 'console=hvc0 quiet',
      rngSeed: Uint8Array.from({ length: 32 }, (_, index) => index),
      ...options,
    }),
  );
}

test('memory begins at 2 GiB and may be larger than 4 GiB', () => {
  expect(cellsOf(nodeAt(tree(), '/memory@80000000'), 'reg')).toEqual([0, 0x8000_0000, 0, 0x800_0000]);
  expect(cellsOf(nodeAt(tree({ memorySize: 5 * 2 ** 30 }), '/memory@80000000'), 'reg').slice(2)).toEqual([
    1, 0x4000_0000,
  ]);
});

test('chosen: command line, console, seed, and no initramfs unless there is one', () => {
  const chosen = nodeAt(tree(), '/chosen');
  expect(stringsOf(chosen, 'bootargs')).toEqual(['console=hvc0 quiet']);
  expect(stringsOf(chosen, 'stdout-path')).toEqual(['/soc/serial@10000000']);
  expect(valueOf(chosen, 'rng-seed').length).toBe(32);
  expect(chosen.properties.has('linux,initrd-start')).toBe(false);
  const withInitrd = nodeAt(tree({ initrd: { start: 0x8700_0000, end: 0x8710_0001 } }), '/chosen');
  expect(cellsOf(withInitrd, 'linux,initrd-start')).toEqual([0, 0x8700_0000]);
  expect(cellsOf(withInitrd, 'linux,initrd-end')).toEqual([0, 0x8710_0001]);
});

test('the hart: extensions told both ways, Sv39, a 10 MHz timebase', () => {
  const root = tree();
  const cpu = nodeAt(root, '/cpus/cpu@0');
  expect(stringsOf(cpu, 'riscv,isa')).toEqual(['rv64imafdc_zicsr_zifencei_zba_zbb_zbs_sstc']);
  expect(stringsOf(cpu, 'riscv,isa-base')).toEqual(['rv64i']);
  expect(stringsOf(cpu, 'riscv,isa-extensions')).toEqual('i m a f d c zicsr zifencei zba zbb zbs sstc'.split(' '));
  expect(stringsOf(cpu, 'mmu-type')).toEqual(['riscv,sv39']);
  expect(cellsOf(nodeAt(root, '/cpus'), 'timebase-frequency')).toEqual([10_000_000]);
});

test.each([
  [{ sv48: false, svadu: true, svade: false }, 'sstc svadu', 'riscv,sv39'],
  [{ sv48: true, svadu: false, svade: true }, 'sstc svade', 'riscv,sv48'],
  [{ sv48: true, svadu: true, svade: true }, 'sstc svade svadu', 'riscv,sv48'],
  [{ sv48: false, svadu: false, svade: false }, 'sstc', 'riscv,sv39'],
])('features %o are told', (features, last, mmuType) => {
  const cpu = nodeAt(tree(describeFeatures(features)), '/cpus/cpu@0');
  const extensions = `i m a f d c zicsr zifencei zba zbb zbs ${last}`.split(' ');
  expect(stringsOf(cpu, 'riscv,isa-extensions')).toEqual(extensions);
  expect(stringsOf(cpu, 'riscv,isa')[0]?.endsWith(last.replaceAll(' ', '_'))).toBe(true);
  expect(stringsOf(cpu, 'mmu-type')).toEqual([mmuType]);
});

test('extensions are the machine’s to choose', () => {
  expect(stringsOf(nodeAt(tree({ extensions: ['i', 'm', 'zicsr'] }), '/cpus/cpu@0'), 'riscv,isa')).toEqual([
    'rv64im_zicsr',
  ]);
});

// As `qemu-system-riscv64 -M virt,dumpdtb=FILE` (7.2) writes them; there ndev counts source 0 too.
test.each([
  ['serial@10000000', ['ns16550a'], [0, 0x1000_0000, 0, 0x100], [10]],
  ['rtc@101000', ['google,goldfish-rtc'], [0, 0x10_1000, 0, 0x1000], [11]],
  ['virtio_mmio@10001000', ['virtio,mmio'], [0, 0x1000_1000, 0, 0x1000], [1]],
  ['virtio_mmio@10008000', ['virtio,mmio'], [0, 0x1000_8000, 0, 0x1000], [8]],
])('%s lies where QEMU puts it and interrupts the same source', (name, compatible, reg, interrupts) => {
  const root = tree();
  const node = nodeAt(root, `/soc/${name}`);
  expect(stringsOf(node, 'compatible')).toEqual(compatible);
  expect(cellsOf(node, 'reg')).toEqual(reg);
  expect(cellsOf(node, 'interrupts')).toEqual(interrupts);
  expect(cellsOf(node, 'interrupt-parent')).toEqual(cellsOf(nodeAt(root, '/soc/plic@c000000'), 'phandle'));
});

test('the UART’s clock gives 115,200 baud with divisor 2', () => {
  expect(cellsOf(nodeAt(tree(), '/soc/serial@10000000'), 'clock-frequency')).toEqual([3_686_400]);
});

test('PLIC and CLINT reach every hart’s own interrupt controller', () => {
  const root = tree({ harts: 2 });
  const [first, second] = [0, 1].map(
    (hart) => cellsOf(nodeAt(root, `/cpus/cpu@${hart}/interrupt-controller`), 'phandle')[0],
  );
  const plic = nodeAt(root, '/soc/plic@c000000');
  expect(cellsOf(plic, 'interrupts-extended')).toEqual([first, 11, first, 9, second, 11, second, 9]);
  expect(cellsOf(plic, 'reg')).toEqual([0, 0xc00_0000, 0, 0x60_0000]);
  expect(cellsOf(plic, 'riscv,ndev')).toEqual([95]);
  const clint = nodeAt(root, '/soc/clint@2000000');
  expect(cellsOf(clint, 'interrupts-extended')).toEqual([first, 3, first, 7, second, 3, second, 7]);
  expect(cellsOf(clint, 'reg')).toEqual([0, 0x200_0000, 0, 0x1_0000]);
});

test('power-off and reboot write the test finisher', () => {
  const root = tree();
  const finisher = cellsOf(nodeAt(root, '/soc/test@100000'), 'phandle');
  for (const [name, value] of [
    ['poweroff', 0x5555],
    ['reboot', 0x7777],
  ] as const) {
    const node = nodeAt(root, `/${name}`);
    expect(stringsOf(node, 'compatible')).toEqual([`syscon-${name}`]);
    expect([cellsOf(node, 'regmap'), cellsOf(node, 'offset'), cellsOf(node, 'value')]).toEqual([
      finisher,
      [0],
      [value],
    ]);
  }
});

test('virtio slots ascend, as many as there are, and no two nodes share a phandle', () => {
  const names = (slots: number): string[] =>
    nodeAt(tree({ virtioSlots: slots }), '/soc')
      .children.map(({ name }) => name)
      .filter((name) => name.startsWith('virtio_mmio'));
  expect(names(3)).toEqual(['virtio_mmio@10001000', 'virtio_mmio@10002000', 'virtio_mmio@10003000']);
  expect(names(0)).toEqual([]);
  const phandles = every(tree({ harts: 4 })).flatMap((node) =>
    node.properties.has('phandle') ? cellsOf(node, 'phandle') : [],
  );
  expect(phandles.length).toBe(10);
  expect(new Set(phandles).size).toBe(10);
});

test('further nodes join the soc bus', () => {
  const pci = { name: 'pci@30000000', properties: { device_type: strings('pci'), 'bus-range': cells(0, 255) } };
  expect(cellsOf(nodeAt(tree({ socNodes: [pci] }), '/soc/pci@30000000'), 'bus-range')).toEqual([0, 255]);
});

function every(node: FlatNode): FlatNode[] {
  return [node, ...node.children.flatMap(every)];
}
