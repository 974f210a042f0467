// What is accepted as a firmware, and what is said of the rest. The reset ROM is QEMU's: hw/riscv/boot.c.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { board } from '../../src/board.ts';
import { readFirmware } from '../../src/firmware.ts';
import { ResetRom } from '../../src/reset-rom.ts';
import { disassemble } from '../../src/cpu/riscv/disassembler.ts';
import { gunzip, makeElf, makeImage } from './kernel-files.ts';

const base = 0x8000_0000;
const ram = { base, length: 2 ** 20 };
const code = Uint8Array.of(0x13, 0, 0, 0);

const read = (file: Uint8Array) => readFirmware(file, gunzip, ram);

test('a raw binary lies at the start of RAM and begins there, also compressed', async () => {
  for (const file of [code, gzipSync(code)]) {
    expect(await read(file)).toMatchObject({ entry: base, end: base + 4, pieces: [{ address: base, room: 4 }] });
  }
});

test('an ELF file says where its pieces lie, how much is cleared behind them, and where it begins', async () => {
  const segments = [
    { address: base + 0x2000, bytes: code, room: 0x100 },
    { address: base, bytes: code },
    { type: 2, address: 0, bytes: code },
    { address: base + 0x8000, bytes: new Uint8Array(0), room: 0x1000 },
    { address: 0, bytes: new Uint8Array(0) },
  ];
  const { pieces, entry, end } = await read(makeElf(segments, { entry: base + 2 }));
  expect(pieces.map(({ address, bytes, room }) => [address - base, [...bytes], room])).toEqual([
    [0x2000, [...code], 0x100],
    [0, [...code], 4],
    [0x8000, [], 0x1000],
  ]);
  expect([entry, end]).toEqual([base + 2, base + 0x9000]);
});

test.each([
  ['an empty file', new Uint8Array(0), 'the firmware is an empty file: give a raw binary or an ELF file'],
  ['a Linux Image', makeImage(), 'the firmware is a Linux kernel, which runs behind a firmware: give it as the kernel'],
  [
    'more than RAM',
    new Uint8Array(2 ** 20 + 1),
    'the firmware takes 0x80000000 to 0x80100001, and RAM is at 0x80000000 to 0x80100000: give the guest more memory',
  ],
  [
    'ELF for another machine',
    makeElf([], { machine: 62 }),
    'the firmware is an ELF file for another machine (e_machine 62): give one for 64-bit RISC-V',
  ],
  ['ELF with nothing inside', makeElf([]), 'the firmware is an ELF file with nothing to load: link it as a program'],
  [
    'ELF that is cut off',
    makeElf([{ address: base, bytes: code, length: 5 }]),
    /^the firmware is a truncated ELF file of \d+ bytes: fetch or build it again$/,
  ],
  [
    'ELF whose file is larger than its memory',
    makeElf([{ address: base, bytes: code, room: 3 }], { entry: base }),
    'the firmware is a damaged ELF file, a segment has more bytes than room: build it again',
  ],
  [
    'ELF for address 0',
    makeElf([{ address: 0, bytes: code }]),
    'the firmware is linked for 0x0 to 0x4, and RAM is at 0x80000000 to 0x80100000: link it for 0x80000000, or give the raw binary where it runs anywhere',
  ],
  [
    'ELF whose zeros end behind RAM',
    makeElf([{ address: base, bytes: code, room: 2 ** 20 + 1 }], { entry: base }),
    /^the firmware takes 0x80000000 to 0x80100001, /,
  ],
  [
    'ELF that begins outside itself',
    makeElf([{ address: base, bytes: code }], { entry: base + 4 }),
    'the firmware begins at 0x80000004, where it has nothing: link it with an entry of its own',
  ],
])('%s is refused', async (_, file, message) => {
  await expect(read(file)).rejects.toThrow(message);
});

test('the reset ROM holds code that sets a0, a1 and a2 and jumps, and what it reads', () => {
  const rom = new ResetRom({ firmware: 0x8000_0000, deviceTree: 0x8fe0_0000, next: 0x8020_0000 });
  const word = (address: number): number => rom.read(address - board.resetRom.base, 4);
  const lines = [0, 4, 8, 12, 16, 20].map((offset) => disassemble(word(0x1000 + offset), BigInt(0x1000 + offset)));
  expect(lines).toEqual([
    'auipc t0, 0x0',
    'addi a2, t0, 40',
    'csrrs a0, 0xf14, zero',
    'ld a1, 32(t0)',
    'ld t0, 24(t0)',
    'jalr zero, 0(t0)',
  ]);
  expect([word(0x1000 + 24), word(0x1000 + 32)]).toEqual([0x8000_0000, 0x8fe0_0000]);
  // As auipc and addi make it.
  expect(rom.dynamicInfoAddress).toBe(0x1000 + 40);
  // fw_dynamic.md: magic, version, next_addr, next_mode, options, boot_hart.
  const info = [0, 8, 16, 24, 32, 40].map((offset) => word(rom.dynamicInfoAddress + offset));
  expect(info).toEqual([0x4942_534f, 2, 0x8020_0000, 1, 0, 0]);
  expect([rom.read(40, 1), rom.read(42, 2), rom.read(44, 4), rom.read(0xeffc, 4)]).toEqual([0x4f, 0x4942, 0, 0]);
  rom.write();
  expect(word(0x1000)).toBe(0x297);
});
