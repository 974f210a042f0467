// Which folders can be a guest's root: their /bin/sh tells, found as the guest would find it.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rootFolder, VmError } from 'vm9';
import { beforeEach, expect, onTestFinished, test } from 'vitest';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vm9-root-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

/** ELF-64 or ELF-32, little-endian, for e_machine. */
function elf(machine: number, bits: 32 | 64 = 64): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, 1, 1]);
  header.writeUInt16LE(machine, 18);
  return header;
}

function write(path: string, content: Buffer | string): void {
  mkdirSync(join(folder, dirname(path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

function link(path: string, target: string): void {
  mkdirSync(join(folder, dirname(path)), { recursive: true });
  symlinkSync(target, join(folder, path));
}

function refusal(): string {
  try {
    rootFolder(folder);
  } catch (error) {
    if (error instanceof VmError && error.code === 'bad-file') return error.message;
    throw error;
  }
  return 'none';
}

test('a shell for riscv64 will do, as Debian has it: /bin is a link, and sh another', () => {
  write('usr/bin/dash', elf(243));
  link('usr/bin/sh', 'dash');
  link('bin', 'usr/bin');
  expect(rootFolder(folder)).toMatchObject({ path: folder, options: { security: 'mapped' } });
  expect(rootFolder(folder, { security: 'default' })).toMatchObject({ options: { security: 'default' } });
});

test('links of security=mapped are files with the target in them', () => {
  write('usr/bin/dash', elf(62));
  write('usr/bin/sh', '/usr/bin/dash');
  write('bin', 'usr/bin');
  expect(refusal()).toMatch(/x86-64/);
});

test('an absolute link and .. stay below the folder', () => {
  write('lib/sh', elf(183));
  link('bin/sh', '/../../lib/./sh');
  expect(refusal()).toMatch(/ARM64/);
});

test.each([
  [elf(62), 'x86-64'],
  [elf(62, 32), 'another processor (ELF machine 62)'],
  [elf(3, 32), '32-bit x86'],
  [elf(243, 32), '32-bit RISC-V'],
  [elf(8), 'another processor (ELF machine 8)'],
])('programs for another processor are refused', (shell, processor) => {
  write('bin/sh', shell);
  expect(refusal()).toBe(
    `${folder} has programs for ${processor}: a riscv64 system is needed, such as make debian DIR=… unpacks`,
  );
});

test('a script is left to the guest', () => {
  write('bin/sh', '#!/bin/busybox sh\n');
  expect(refusal()).toBe('none');
});

test.each<[string, () => void]>([
  ['nothing', () => undefined],
  ['a link that leads nowhere', () => link('bin/sh', 'dash')],
  ['links that lead to each other', () => (link('bin/sh', 'bash'), link('bin/bash', 'sh'))],
  ['a folder', () => write('bin/sh/file', '')],
  ['a file in place of a folder', () => write('bin', elf(243))],
])('a folder without a shell is refused: %s', (_, prepare) => {
  prepare();
  expect(refusal()).toMatch(/: there is no bin\/sh in it: a riscv64 system is needed/);
});

test('what is no folder is told as with any share', () => {
  expect(() => rootFolder(join(folder, 'nowhere'))).toThrow('there is no such folder');
  write('file', '');
  expect(() => rootFolder(join(folder, 'file'))).toThrow('it is not a folder');
});
