// The RISC-V Instruction Set Manual, Volume I (20240411): §2.8, chapters 6 (Zifencei) and 7 (Zicsr); Volume II
// (20240411): §3.3.2, §3.3.3, §10.2.
import type { CsrOperation, Meaning, SystemOperation } from '../ops.ts';
import { rows } from './row.ts';

const hart = (operation: SystemOperation): Meaning => {
  return (o) => o.system(operation);
};
const register = (operation: CsrOperation): Meaning => {
  return (o) => o.setX(o.csr(operation, o.x('rs1')));
};
const immediate = (operation: CsrOperation): Meaning => {
  return (o) => o.setX(o.csr(operation, o.imm()));
};

export const system = rows({ rare: true }, [
  ['ecall', '', '000000000000 00000 000 00000 1110011', hart('ecall'), { flow: 'indirect' }],
  ['ebreak', '', '000000000001 00000 000 00000 1110011', hart('ebreak')],
  ['sret', '', '0001000 00010 00000 000 00000 1110011', hart('sret'), { flow: 'indirect' }],
  ['mret', '', '0011000 00010 00000 000 00000 1110011', hart('mret')],
  ['wfi', '', '0001000 00101 00000 000 00000 1110011', hart('wfi')],
  ['sfence.vma', 'rs1, rs2', '0001001 rs2 rs1 000 00000 1110011', hart('sfence.vma')],
  ['fence.i', '', 'imm[11:0] rs1 001 rd 0001111', hart('fence.i')],

  ['csrrw', 'rd, csr, rs1', 'csr rs1 001 rd 1110011', register('write')],
  ['csrrs', 'rd, csr, rs1', 'csr rs1 010 rd 1110011', register('set')],
  ['csrrc', 'rd, csr, rs1', 'csr rs1 011 rd 1110011', register('clear')],
  ['csrrwi', 'rd, csr, uimm', 'csr uimm 101 rd 1110011', immediate('write')],
  ['csrrsi', 'rd, csr, uimm', 'csr uimm 110 rd 1110011', immediate('set')],
  ['csrrci', 'rd, csr, uimm', 'csr uimm 111 rd 1110011', immediate('clear')],
]);
