// A hart's registers as text, for the one moment when a person must look at them.
import { csrAt } from './csr-layout.ts';
import { integerNames } from './register-names.ts';
import { at } from './layout.ts';
import type { Registers } from './registers.ts';

const csrs = ['sepc', 'scause', 'stval', 'stvec', 'satp', 'mepc', 'mcause', 'mtval', 'mtvec'] as const;

/** Volume II, §1.2. Not registers.ts's: this file is fetched when it is used, and shares little with others. */
const modes = { 0: 'user', 1: 'supervisor', 3: 'machine' } as const;

export function dumpRegisters(registers: Registers): string {
  const hex = (value: bigint): string => value.toString(16).padStart(16, '0');
  const wide = (offset: number): bigint => BigInt.asUintN(64, registers.wide[offset / 8] ?? 0n);
  const mode = modes[registers.record.privilege];
  const cells = [
    `pc ${hex(registers.pc())}`,
    ...csrs.map((name) => `${name} ${hex(wide(csrAt[name]))}`),
    `mstatus ${hex(wide(at.mstatus))}`,
    ...integerNames.map((name, index) => `${name} ${hex(registers.x(index))}`),
  ].map((cell) => {
    const [name = '', value = ''] = cell.split(' ');
    return `${name.padEnd(8)}${value}`;
  });
  const lines: string[] = [`in ${mode} mode, ${registers.record.retired} instructions retired`];
  for (let index = 0; index < cells.length; index += 4) lines.push(cells.slice(index, index + 4).join('  '));
  return lines.join('\n');
}
