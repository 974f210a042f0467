// A Linux program that sleeps 1,000 times for 200 us, without a process for each. Formats: System V ABI (ELF-64 object files
// 1.5); numbers of system calls: Linux, asm-generic/unistd.h. Encodings: RISC-V Unprivileged ISA 20191213, ch. 24.

const loadAddress = 0x10000;
const headerLength = 64;
const programHeaderLength = 56;

const code = [
  0x3e80_0413, // addi x8, x0, 1000
  0x0000_0517, // auipc x10, 0
  0x0285_0513, // addi x10, x10, 40: the timespec, behind the code
  0x0000_0593, // addi x11, x0, 0
  0x0650_0893, // addi x17, x0, 101: nanosleep
  0x0000_0073, // ecall
  0xfff4_0413, // addi x8, x8, -1
  0xfe04_14e3, // bne x8, x0, -24: to auipc
  0x0000_0513, // addi x10, x0, 0
  0x05d0_0893, // addi x17, x0, 93: exit
  0x0000_0073, // ecall
];
const timespec = { seconds: 0n, nanoseconds: 200_000n };

/** The executable file. */
export function napsProgram(): Uint8Array<ArrayBuffer> {
  const codeOffset = headerLength + programHeaderLength;
  const timespecOffset = codeOffset + 4 * code.length;
  const file = new Uint8Array(timespecOffset + 16);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // "\x7fELF", 64 bits, little-endian, version 1
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, 243, true); // e_machine: EM_RISCV
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, BigInt(loadAddress + codeOffset), true); // e_entry
  view.setBigUint64(32, BigInt(headerLength), true); // e_phoff
  view.setUint16(52, headerLength, true); // e_ehsize
  view.setUint16(54, programHeaderLength, true); // e_phentsize
  view.setUint16(56, 1, true); // e_phnum

  const segment = headerLength;
  view.setUint32(segment, 1, true); // p_type: PT_LOAD
  view.setUint32(segment + 4, 5, true); // p_flags: read, execute
  view.setBigUint64(segment + 16, BigInt(loadAddress), true); // p_vaddr
  view.setBigUint64(segment + 32, BigInt(file.length), true); // p_filesz
  view.setBigUint64(segment + 40, BigInt(file.length), true); // p_memsz
  view.setBigUint64(segment + 48, 4096n, true); // p_align

  for (const [index, instruction] of code.entries()) view.setUint32(codeOffset + 4 * index, instruction, true);
  view.setBigUint64(timespecOffset, timespec.seconds, true);
  view.setBigUint64(timespecOffset + 8, timespec.nanoseconds, true);
  return file;
}
