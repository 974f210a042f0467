// Units that have to do with privilege: control and status registers, instructions that only some modes may execute, page
// tables. What is random keeps to where QEMU and the manual agree. The RISC-V Instruction Set Manual, Volume II
// (20240411).
import { csrNumbers } from '../assembler.ts';
import { encode } from '../encode.ts';
import { asid, dataPageCount, physical, supervisorDataEntry, systemAddress, upperHalf, virtual } from './layout.ts';
import type { Choices } from './random.ts';
import { constant, fixed } from './units.ts';
import type { Unit } from './units.ts';

/** What a block runs in. */
export interface Mode {
  readonly privilege: 0 | 1 | 3;
  /** Under Sv39 or Sv48; never in M-mode. */
  readonly paged: boolean;
  readonly sv48: boolean;
  /** Traps go to the supervisor. */
  readonly delegated: boolean;
  readonly float: boolean;
  readonly sum: boolean;
  readonly mxr: boolean;
  /** TVM, TW and TSR. */
  readonly guarded: boolean;
  /** Runs in the upper half of the address space. */
  readonly upper: boolean;
}

const csrRows = ['csrrw', 'csrrs', 'csrrc', 'csrrwi', 'csrrsi', 'csrrci'];
const free = [5, 6, 7, 10, 11, 12, 13, 14, 15, 28, 29, 30, 31];

function csrAccess(random: Choices, csr: number, rows = csrRows): number {
  const name = random.pick(rows);
  const rd = random.pick(free);
  return name.endsWith('i')
    ? encode(name, { rd, csr, uimm: random.below(32) })
    : encode(name, { rd, csr, rs1: random.below(32) });
}

/** The floating-point registers; most of the time with a rounding mode that exists. */
export function floatCsr(random: Choices): Unit {
  if (random.once(2)) return fixed(encode('csrrwi', { rd: random.pick(free), csr: 2, uimm: random.below(5) }));
  return fixed(csrAccess(random, random.pick([1, 1, 2, 3])));
}

/** What reads the same everywhere: neither mip, to which boards wire devices, nor causes and values that may differ. */
const readable = {
  1: ['sstatus', 'sie', 'stvec', 'scounteren', 'sscratch', 'sepc', 'sip', 'satp', 'senvcfg'],
  3: ['mstatus', 'medeleg', 'mideleg', 'mie', 'mtvec', 'mcounteren', 'mscratch', 'mepc', 'mhartid'].concat([
    'pmpcfg0',
    'pmpaddr0',
    'pmpaddr3',
    'sstatus',
    'satp',
    'sie',
    'sip',
    'sepc',
    'stvec',
  ]),
} as const;
/** Registers that may hold anything without anybody minding; QEMU lets bit 0 of mepc and sepc be 1, against §3.1.14. */
const writable = { 1: ['scause', 'stval'], 3: ['scause', 'stval', 'sscratch', 'mcause', 'mtval'] };

function ownCsr(random: Choices, privilege: 1 | 3): Unit {
  if (random.once(2)) {
    const csr = csrNumbers[random.pick(readable[privilege])]!;
    return fixed(encode(random.pick(['csrrs', 'csrrc']), { rd: random.pick(free), csr, rs1: 0 }));
  }
  const csr = csrNumbers[random.pick(writable[privilege])]!;
  return fixed(
    encode('csrrw', { rd: 0, csr, rs1: random.below(32) }),
    csrAccess(random, csr),
    encode('csrrs', { rd: random.pick(free), csr, rs1: 0 }),
  );
}

/** SUM and MXR come and go. */
function accessRights(random: Choices): Unit {
  const bits = BigInt(random.below(4)) << 18n;
  const csr = csrNumbers['sstatus']!;
  return fixed(...constant(31, bits), encode(random.pick(['csrrs', 'csrrc']), { rd: 30, csr, rs1: 31 }));
}

/** A register that the mode does not have: of a higher privilege, or a counter that is not given to it. */
function foreignCsr(random: Choices, privilege: 0 | 1): Unit {
  const counters = [0xc00, 0xc01, 0xc02, 0xc03];
  if (random.once(4)) return fixed(csrAccess(random, random.pick(counters), ['csrrs', 'csrrw']));
  const least = privilege === 0 ? random.between(1, 3) : 3;
  const number = (random.word() & 0xcff) | (least << 8);
  return fixed(csrAccess(random, random.once(3) ? csrNumbers[random.pick(readable[3])]! | 0x300 : number));
}

/** Instructions that the mode may not execute. */
function forbidden(random: Choices, { privilege, guarded }: Mode): Unit {
  const everybody = ['mret'];
  const guardedOnes = ['sret', 'wfi', 'sfence.vma'];
  return fixed(encode(random.pick(privilege === 0 || guarded ? [...everybody, ...guardedOnes] : everybody)));
}

/** A new entry for a data page or a superpage, and the fence that makes it known. */
function pageTableChange(random: Choices): Unit {
  const superpage = random.once(4);
  const side = random.below(2);
  const page = random.between(1, dataPageCount - 1);
  const entry = superpage ? 6 + side : page + side * supervisorDataEntry;
  const table = systemAddress(superpage ? 'middleTable' : 'dataTable');
  const frame = BigInt(physical.scratch / 4096 + (superpage ? 0 : random.below(4))) << 10n;
  // X without R and W at most: nothing there is meant to be executed. Where only writing is forbidden A is set, because
  // QEMU's atomic operations read and set it before they fail to write.
  const rights = random.pick([2n | 64n, 6n, 6n, 6n, 8n | 64n]);
  const flags = (random.once(8) ? 0n : 1n) | rights | (side === 0 ? 16n : 0n) | (BigInt(random.below(4)) << 6n);
  const half = random.once(2) ? upperHalf : 0n;
  const address = superpage
    ? half + virtual.userSuperpage + BigInt(side * 0x20_0000 + random.below(4) * 4096)
    : half + virtual.data + BigInt(entry * 4096 + random.below(4096));
  // The page is mapped in both halves, so that a fence of one address is not enough for the other.
  const other = half === 0n ? address + upperHalf : address - upperHalf;
  const fences = random.once(2)
    ? [...constant(31, asid), encode('sfence.vma', { rs2: random.once(2) ? 0 : 31 })]
    : [
        ...constant(30, address),
        ...constant(31, asid),
        encode('sfence.vma', { rs1: 30, rs2: random.once(2) ? 0 : 31 }),
        ...constant(30, other),
        encode('sfence.vma', { rs1: 30, rs2: 0 }),
      ];
  return fixed(
    ...constant(30, table),
    ...constant(31, frame | flags),
    encode('sd', { rs1: 30, rs2: 31, imm: entry * 8 }),
    ...fences,
  );
}

/** A unit that the mode makes interesting. */
export function systemUnit(random: Choices, mode: Mode): Unit {
  const { privilege, paged, guarded } = mode;
  if (privilege === 3)
    return random.once(8) ? fixed(encode('sfence.vma', { rs1: random.below(32) })) : ownCsr(random, 3);
  const make = random.weighted<() => Unit>([
    [4, () => foreignCsr(random, privilege)],
    [3, () => forbidden(random, mode)],
    [privilege === 1 ? 6 : 0, () => ownCsr(random, 1)],
    [privilege === 1 ? 4 : 0, () => accessRights(random)],
    [privilege === 1 && paged && !guarded ? 12 : 0, () => pageTableChange(random)],
  ]);
  return make();
}

/** Exceptions that are asked for. */
export function askedForTrap(random: Choices): Unit {
  return fixed(random.pick([encode('ecall'), encode('ebreak'), encode('c.ebreak')]));
}
