// Kernels of a few instructions, for what no Linux does on request. Encodings: RISC-V Unprivileged ISA 20191213, ch. 24.
import { makeImage } from '../src/kernel-files.ts';

/** An Image whose code, behind the header that its first instruction jumps over, is `instructions`. */
export function bareProgram(instructions: readonly number[]): Uint8Array {
  const image = makeImage({ length: 0x1000 });
  const view = new DataView(image.buffer);
  view.setUint32(0, 0x0400_006f, true); // jal x0, 64
  for (const [index, instruction] of instructions.entries()) view.setUint32(64 + 4 * index, instruction, true);
  return image;
}

/** Writes failure code 5 to the test finisher. */
export const failsWithFive = bareProgram([
  0x0010_02b7, // lui x5, 0x100
  0x0005_3337, // lui x6, 0x53
  0x3333_0313, // addi x6, x6, 0x333
  0x0062_a023, // sw x6, 0(x5)
  0x0000_006f, // jal x0, 0
]);

/** An illegal instruction, with a trap vector at 0, where there is no memory. */
export const trapsForEver = bareProgram([0x0000_0000]);

/** Sends what is typed back through the UART, for ever. */
export const echoesOnUart = bareProgram([
  0x1000_02b7, // lui x5, 0x10000
  0x0052_c303, // lbu x6, 5(x5): LSR
  0x0013_7313, // andi x6, x6, 1: data ready
  0xfe03_0ce3, // beq x6, x0, -8
  0x0002_c303, // lbu x6, 0(x5)
  0x0062_8023, // sb x6, 0(x5)
  0xfedf_f06f, // jal x0, -20
]);

/** A firmware: in M-mode, it sends what is typed back through the UART and powers off behind a newline. */
export const echoesALine = new Uint8Array(
  Uint32Array.of(
    0x1000_02b7, // lui x5, 0x10000
    0x00a0_0393, // addi x7, x0, '\n'
    0x0052_c303, // lbu x6, 5(x5): LSR
    0x0013_7313, // andi x6, x6, 1: data ready
    0xfe03_0ce3, // beq x6, x0, -8
    0x0002_c303, // lbu x6, 0(x5)
    0x0062_8023, // sb x6, 0(x5)
    0xfe73_16e3, // bne x6, x7, -20
    0xf140_2573, // csrrs x10, mhartid, x0: in M-mode alone
    0x0010_02b7, // lui x5, 0x100
    0x0000_5337, // lui x6, 0x5
    0x5553_0313, // addi x6, x6, 0x555
    0x0062_a023, // sw x6, 0(x5)
    0x0000_006f, // jal x0, 0
  ).buffer,
);
