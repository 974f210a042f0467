// Decoder and disassembler against GNU objdump: every 16-bit parcel, a thousand random words of each row, and random
// words of any kind. The RISC-V Instruction Set Manual, Volume I (20240411).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decode, instructionSet } from '../../src/cpu/riscv/decoder.ts';
import { disassemble } from '../../src/cpu/riscv/disassembler.ts';
import { Choices } from '../cpu/riscv/stream/random.ts';

const tool = 'riscv64-linux-gnu-objdump';
/** objdump knows only the extensions that an object file says it uses. */
const assembler = ['riscv64-linux-gnu-as', '-march=rv64gc_zba_zbb_zbs'] as const;
const seed = Number(process.env['CPU_SEED'] ?? Date.now() % 2 ** 31);

/** The text of each word at its place times 4, comments and names of places cut off. */
function objdump(words: readonly number[]): readonly string[] {
  console.log(`${run(tool, ['--version']).split('\n')[0]}; CPU_SEED=${seed}, ${words.length} words`);
  const bytes = Buffer.alloc(words.length * 4);
  // A parcel is followed by c.nop, so that the next word begins where it should.
  for (const [index, word] of words.entries()) {
    bytes.writeUInt32LE((word & 3) === 3 ? word : ((0x0001 << 16) | word) >>> 0, index * 4);
  }
  const folder = mkdtempSync(join(tmpdir(), 'vm9-objdump-'));
  try {
    const file = join(folder, 'words');
    writeFileSync(file, bytes);
    const [command, march] = assembler;
    run(command, [march, '-o', `${file}.o`, '-'], `.incbin "${file}"\n`);
    const listing = run(tool, ['-D', '-j', '.text', '-z', '-M', 'no-aliases', `${file}.o`]);
    const texts = words.map(() => '');
    for (const [, address, text] of listing.matchAll(/^\s*([0-9a-f]+):\t[0-9a-f]+\s+\t?(.*)$/gmu)) {
      const place = Number.parseInt(address!, 16);
      if (place % 4 === 0) texts[place / 4] = withoutNames(text!).replaceAll('\t', ' ');
    }
    return texts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without comments, and places as numbers alone: `jal s4,3ceee <.text+0x3ceee>`. */
const withoutNames = (text: string): string => text.replace(/\s*#.*$/u, '').replace(/\b([0-9a-f]+) <.*$/u, '0x$1');

/** What a command prints. */
function run(command: string, words: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync(command, words, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (error !== undefined) {
    throw new Error(`this comparison needs ${command} (Debian package binutils-riscv64-linux-gnu): ${error.message}`);
  }
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return stdout;
}

/** Numbers to decimal, spaces behind commas away. */
const plain = (text: string): string =>
  text.replaceAll(', ', ',').replaceAll(/\b0x[0-9a-f]+\b/gu, (number) => String(BigInt(number)));

/** Where both are right and say it otherwise, or objdump does not know. */
function isKnownDifference(word: number, ours: string, theirs: string): boolean {
  const { row } = decode(word) ?? {};
  // Volume I, §27.5: shifts by 0 are hints, which objdump calls c.slli64 and so on.
  if (/^c\.s[lr][la]i64 /u.test(theirs)) return plain(ours) === `${theirs.replace('64', '')},0`;
  // What is reserved: objdump prints the rounding mode as unknown, the immediate as 0.
  if (row === undefined)
    return theirs.startsWith('.') || /unknown|c\.unimp|c\.addi16sp sp,0/u.test(theirs) || !isOurs(theirs);
  // Fields that are to be ignored (§2.7, chapter 6) it wants to be 0; fences of nothing it calls unknown.
  if (row.name === 'fence' || row.name === 'fence.i')
    return theirs.startsWith('.4byte') || theirs.includes('unknown') || theirs.startsWith('fence.tso');
  // Control and status registers it knows by name.
  if (row.encoding.fields.has('csr'))
    return plain(ours).replace(/,\d+/u, '') === plain(theirs).replace(/,[a-z]\w*/u, '');
  // A rounding mode that changes nothing (§20.2) is not printed where it is 0, and not known where it is not.
  return (
    /^fcvt\.d\.(?:w|wu|s)$/u.test(row.name) &&
    (theirs.startsWith('.4byte') || ours === `${theirs.replace(',', ', ')}, rne`)
  );
}

const names = new Set(instructionSet.map(({ name }) => name));
const isOurs = (text: string): boolean => names.has(text.split(' ')[0]!.replace(/\.(?:aq|rl|aqrl)$/u, ''));

function compare(words: readonly number[]): void {
  const theirs = objdump(words);
  const differences = words.flatMap((word, index) => {
    const [ours, other] = [disassemble(word, BigInt(index * 4)), theirs[index]!];
    if (plain(ours) === plain(other) || isKnownDifference(word, ours, other)) return [];
    return [`0x${word.toString(16)}: ${ours}, but ${other}`];
  });
  expect(differences.slice(0, 40)).toEqual([]);
}

it('every 16-bit parcel', () => {
  compare(Array.from({ length: 0x1_0000 }, (_, parcel) => parcel).filter((parcel) => (parcel & 3) !== 3));
});

it('a thousand words of each row', () => {
  const random = new Choices(seed);
  const words = instructionSet.flatMap(({ encoding: { match, mask } }) =>
    Array.from({ length: 1000 }, () => (match | (random.word() & ~mask)) >>> 0),
  );
  compare(words);
});

it('words that are instructions only by chance', () => {
  const random = new Choices(seed + 1);
  compare(Array.from({ length: 200_000 }, () => (random.word() | 3) >>> 0).filter((word) => (word & 0x1c) !== 0x1c));
});
