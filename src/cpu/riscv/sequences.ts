// Sequences of instructions that one piece of the interpreter runs without a dispatch between them: those that compiled
// code, Linux and busybox were seen to execute most (`make bench ONLY=cpu`'s programs, a boot, sort, awk, gzip, find, many
// forks, each with the same weight). Names are `NAME.LENGTH` in bytes, `.far` where the target may lie in another page. A
// sequence of three or more needs the one without its last instruction in the table.

const table = `
  sd.2 sd.2
  ld.2 ld.2
  addi.2 addi.2
  sd.4 sd.4
  add.2 add.2
  auipc.4 addi.4
  addi.2 addi.4
  beq.4 lbu.4
  addi.2 lbu.4
  lbu.4 addi.2
  ld.2 addi.2
  add.2 bge.4
  sb.4 add.2
  bge.4 sb.4
  fld.4 addi.2
  ld.4 ld.4
  fld.2 fld.4
  bne.4 fld.2
  addi.2 sd.2
  addi.2 add.2
  lbu.4 beq.2
  lbu.4 lbu.4
  addi.2 jalr.2
  slli.2 add.2
  beq.2 beq.4
  add.2 ld.2
  ld.4 ld.2
  addi.4 addi.2
  addi.2 bne.4
  addi.4 addi.4
  lbu.4 bne.4
  lbu.4 bne.2
  ld.2 add.2
  addi.2 beq.4
  sd.4 sd.2
  bne.2 addi.2
  slliw.4 srliw.4
  srliw.4 slliw.4
  sd.2 addi.4
  ld.2 sd.2
  add.2 jal.4.far
  add.2 srli.4
  addi.4 bne.4
  sd.4 addi.4
  addi.2 bltu.4
  sd.2 addi.2
  slliw.4 slliw.4
  srliw.4 srliw.4
  sb.4 bne.4
  addi.4 auipc.4
  beq.2 add.2
  bne.4 ld.4
  auipc.4 ld.4
  addi.4 beq.4
  addw.4 addw.4
  ld.2 sd.4
  lw.2 addi.2
  bne.4 lbu.4
  beq.4 addi.2
  or.4 addw.4
  addi.2 sw.2
  slli.4 add.2
  add.2 addi.2
  add.2 bgeu.4
  sd.2 sd.2 sd.2
  sd.2 sd.2 sd.2 sd.2
  ld.2 ld.2 ld.2
  ld.2 ld.2 ld.2 ld.2
  sd.4 sd.4 sd.4
  sd.4 sd.4 sd.4 sd.4
`;

export const commonSequences: readonly (readonly string[])[] = table
  .trim()
  .split('\n')
  .map((line) => line.trim().split(' '));
