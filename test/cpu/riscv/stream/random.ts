// Choices that repeat for a seed.
import { RandomBits } from '../../float/operands.ts';

const edges = [0n, 1n, 2n, -1n, -2n, 0x7fn, 0x80n, 0x7fffn, 0x8000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn]
  .concat([-0x8000_0000n, -0x8000_0001n, 0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n, 0x1_0000_0000n])
  .concat([0x5555_5555_5555_5555n, 0x8000_0000_0000_0001n]);

export class Choices extends RandomBits {
  pick<T>(from: readonly T[]): T {
    const chosen = from[this.below(from.length)];
    if (chosen === undefined) throw new RangeError('nothing to choose from');
    return chosen;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** From `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** One of the values, in proportion to its weight. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let rest = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    const found = choices.find(([weight]) => (rest -= weight) < 0);
    if (found === undefined) throw new RangeError('nothing to choose from');
    return found[1];
  }

  /** An integer register's content: ends of ranges, few digits, many digits. */
  integer(): bigint {
    if (this.once(3)) return BigInt.asUintN(64, this.pick(edges));
    const value = BigInt.asUintN(this.between(1, 64), this.long());
    return BigInt.asUintN(64, this.once(2) ? value : -value);
  }
}
