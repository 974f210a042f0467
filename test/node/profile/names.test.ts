import { describe, expect, test } from 'vitest';
import { fold, foldedText } from '../../../src/node/profile/fold.ts';
import { CodeNames } from '../../../src/node/profile/names.ts';
import { hashPage } from '../../../src/node/profile/page-hash.ts';
import { readProgram } from '../../../src/node/profile/program-file.ts';
import { parseKallsyms, SymbolTable } from '../../../src/node/profile/symbols.ts';
import type { CodePlace } from '../../../src/profile-samples.ts';
import { elfFile, programBase } from './elf-file.ts';

const kernel = `ffffffff80001000 T _stext
ffffffff80001000 t run_init_process
ffffffff80002000 T vfs_read
ffffffff80002100 d not_code
ffffffff80003000 t read_zero
0000000000000000 T hidden`;

/** outer calls inner, which is met; a function without a name comes between them. */
const program = elfFile(
  `outer: addi sp, sp, -16
          sd ra, 8(sp)
          jal ra, inner
          jal ra, unnamed
   unnamed: addi sp, sp, -32
          ret
   inner: addi a0, a0, 1
          ret`,
  ['outer', 'inner'],
);

/** Where the program's page lies in some process. */
const mapped = 0x3f_1234_5000;
const page = new Uint8Array(4096);
page.set(program.file.subarray(0, 4096));
const pageHash = hashPage(new Int32Array(page.buffer), 0);
const at = (label: string, offset: number): CodePlace => ({
  address: mapped + program.symbol(label) + offset - programBase,
  page: pageHash,
});
/** As Sv39 extends its sign. */
const kernelAt = (low: number): CodePlace => ({ address: low - 2 ** 32 });

const names = (): CodeNames => {
  const made = new CodeNames(parseKallsyms(kernel));
  made.addFile('/opt/adder', program.file);
  return made;
};

describe('names', () => {
  test('the kernel’s are the symbols before an address; addresses that it hides are none', () => {
    expect(parseKallsyms(kernel)).toHaveLength(4);
    expect(names().nameOf(kernelAt(0x8000_2ffe), false)).toBe('vfs_read_[k]');
    expect(names().nameOf(kernelAt(0x8000_1004), false)).toBe('_stext_[k]');
    expect(names().nameOf(kernelAt(0x8000_0000), false)).toBe('0xffffffff80000000_[k]');
  });

  test('a program’s are found by what its page holds, wherever that is mapped', () => {
    expect(names().nameOf(at('inner', 4), true)).toBe('inner (adder)');
    expect(names().nameOf(at('outer', 0), true)).toBe('outer (adder)');
  });

  test('what is behind a call at the end of a function is named after the function that calls', () => {
    expect(names().nameOf(at('inner', 0), true, 1)).not.toMatch(/^inner/);
  });

  test('a page that no file has is told by its address', () => {
    expect(names().nameOf({ address: 0x12345, page: 1 }, true)).toBe('unknown (0x12000)');
    expect(names().nameOf({ address: 0x12345 }, true)).toBe('unknown (0x12000)');
  });

  test('files that are no programs, or damaged, give none', () => {
    expect(readProgram(new Uint8Array(10))).toBeUndefined();
    expect(readProgram(Uint8Array.from(Buffer.from('#!/bin/sh\n'.repeat(20))))).toBeUndefined();
    expect(readProgram(program.file.subarray(0, 200))).toBeUndefined();
  });

  test('a function that is called, or that makes room on the stack, has a place without a name', () => {
    const stripped = program.file.slice();
    // No section headers, thus no symbols.
    new DataView(stripped.buffer).setBigUint64(40, 0n, true);
    const symbols = readProgram(stripped)?.symbols;
    const unnamed = program.symbol('unnamed');
    expect(symbols?.find(unnamed + 2)).toEqual({ name: '', address: unnamed, size: 0 });
    expect(symbols?.find(program.symbol('inner'))?.address).toBe(program.symbol('inner'));
  });

  test('a function that only the table for unwinding has has its place and length from there', () => {
    const { file, symbol } = elfFile('first: nop\nnop\nsecond: nop\nnop\nnop\nnop', ['first'], { second: 8 });
    const symbols = readProgram(file)?.symbols;
    const second = symbol('second');
    expect(symbols?.find(second + 6)).toEqual({ name: '', address: second, size: 8 });
    expect(symbols?.find(second + 8)).toBeUndefined();
    expect(symbols?.find(second - 2)?.name).toBe('first');
  });

  test('sizes bound symbols that have them', () => {
    const table = new SymbolTable([{ name: 'f', address: 100, size: 10 }]);
    expect([99, 100, 109, 110].map((address) => table.find(address)?.name)).toEqual([undefined, 'f', 'f', undefined]);
  });
});

describe('folded stacks', () => {
  const user = { user: true, stack: [at('inner', 0), at('outer', 12)] };
  const inKernel = { user: false, stack: [kernelAt(0x8000_3010), kernelAt(0x8000_2020)] };

  test('have the task first and the place last; equal ones are one', () => {
    const folded = fold(
      [
        { task: 'adder', count: 2, ...user },
        { task: undefined, count: 1, ...inKernel },
        { task: 'adder', count: 3, ...user },
        { task: 'a;b', count: 1, ...inKernel },
      ],
      names(),
    );
    expect(foldedText(folded)).toBe(
      [
        'adder;outer (adder);inner (adder) 5',
        'boot;vfs_read_[k];read_zero_[k] 1',
        'a_b;vfs_read_[k];read_zero_[k] 1',
        '',
      ].join('\n'),
    );
  });

  test('of a guest whose tasks never had names are those of an unknown task', () => {
    expect([...fold([{ task: undefined, count: 1, ...inKernel }], names()).keys()]).toEqual([
      'unknown task;vfs_read_[k];read_zero_[k]',
    ]);
  });
});
