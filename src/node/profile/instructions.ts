// The few instructions that a profiler must know: those that make functions what they are. The RISC-V Instruction Set Manual,
// Volume I.

/** Whether an instruction that begins with these 16 bits has 32 (§1.5). */
export function isLong(half: number): boolean {
  return (half & 3) === 3;
}

/** jal ra */
export function isJumpAndLink(word: number): boolean {
  return (word & 0xfff) === 0x0ef;
}

/** Bytes that an instruction makes room for on the stack; undefined: it does not. */
export function roomOf(half: number, upper: () => number): number | undefined {
  // c.addi sp and c.addi16sp with a negative immediate (§27.5)
  if ((half & 0xff83) === 0x1101) return 32 - ((half >>> 2) & 31);
  if ((half & 0xff83) === 0x7101) {
    const rest = ((half >>> 2) & 0x10) | ((half << 1) & 0x40) | ((half << 4) & 0x180) | ((half << 3) & 0x20);
    return 512 - rest;
  }
  // addi sp, sp
  if (half !== 0x0113) return undefined;
  const word = half | (upper() << 16);
  return (word & 0xf_ffff) === 0x1_0113 && word < 0 ? -(word >> 20) : undefined;
}

/** The immediate of a jal (§2.5.1). */
export function jumpOffset(word: number): number {
  return ((word >> 31) << 20) | (word & 0xf_f000) | ((word >>> 9) & 0x800) | ((word >>> 20) & 0x7fe);
}

/** How far a conditional branch or a jump without a link leads (§2.5, §27.4); undefined: it is none. */
export function branchOffset(word: number): number | undefined {
  if ((word & 0x7f) === 0x63) {
    return ((word >> 31) << 12) | ((word << 4) & 0x800) | ((word >>> 20) & 0x7e0) | ((word >>> 7) & 0x1e);
  }
  if ((word & 0xfff) === 0x06f) return jumpOffset(word);
  // c.beqz, c.bnez
  if ((word & 0xc003) === 0xc001) {
    const [sign, rest] = [(word << 19) >> 31, word >>> 2];
    return (sign << 8) | ((rest << 3) & 0xc0) | ((rest << 5) & 0x20) | ((rest >>> 5) & 0x18) | (rest & 6);
  }
  if ((word & 0xe003) !== 0xa001) return undefined;
  // c.j: imm[11|4|9:8|10|6|7|3:1|5] from bit 12 down
  const bit = (from: number, to: number): number => ((word >>> from) & 1) << to;
  const low =
    bit(2, 5) | (((word >>> 3) & 7) << 1) | bit(6, 7) | bit(7, 6) | bit(8, 10) | (((word >>> 9) & 3) << 8) | bit(11, 4);
  return low - bit(12, 11);
}

/** Whether nothing goes on behind an instruction: a return, a jump without a link, ebreak. */
export function endsFlow(word: number): boolean {
  return (
    word === 0x8082 || word === 0x8067 || word === 0x9002 || (word & 0xfff) === 0x06f || (word & 0xe003) === 0xa001
  );
}
