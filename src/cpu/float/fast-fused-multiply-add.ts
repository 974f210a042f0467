// IEEE 754-2019, §5.4.1 (fusedMultiplyAdd) by the host's arithmetic, which has no such operation.
import type { Callable } from '../../wasm/module.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';

/**
 * (a, b, c, mode): a * b + c, rounded once.
 *
 * With the rounded product p and its error e, the rounded sum s of p and c and its error t, the result is s + t + e
 * rounded once, exactly. Only d, the sum of t and e, is not exact. So s + d is rounded twice, with d a little enlarged
 * and a little diminished (Ziv's test): where both agree, the exact value in between is rounded to the same number.
 * Where they do not, as for ties, and wherever e might not be a number of the format, integers decide.
 */
export function defineFastFusedMultiplyAdd(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, flags, format, encoding, native } = toolkit;
  const { i32, i64 } = emit;
  const { bias, fractionBits, precision } = format;
  // d is off by 2^-precision of itself at most, and the product with this factor by as much again.
  const margin = 2 ** (3 - precision);

  return emit.function(['i64', 'i64', 'i64', 'i32'], (a, b, c, mode) => {
    emit.if(i32.eq(mode, roundingMode.RNE), () => {
      const addend = emit.let(native.fromBits(c));
      const product = emit.let(native.mul(native.fromBits(a), native.fromBits(b)));
      const sum = emit.let(native.add(product, addend));

      const exponentA = emit.let(encoding.exponent(a));
      const exponentB = emit.let(encoding.exponent(b));
      const exponents = emit.let(i32.sub(i32.add(exponentA, exponentB), bias));
      const areNormal = i32.and(i32.ne(exponentA, 0), i32.ne(exponentB, 0));
      // The product's last digit is worth a normal number, so e is one or zero. The result too: it is a multiple of that
      // digit, c having no lower one when it is of the product's magnitude.
      const isErrorNormal = i32.gt_s(exponents, 2 * fractionBits);
      // False for NaNs, too.
      const isBounded = native.lt(native.abs(sum), 2 ** bias);
      emit.if(i32.and(areNormal, i32.and(isErrorNormal, isBounded)), () => {
        const productBits = emit.let(native.toBits(product));
        // The product of the significands, less p's: exact modulo 2^64, and small.
        const carry = i64.extend_i32_u(i32.sub(encoding.exponent(productBits), exponents));
        const shift = emit.let(i64.add(carry, BigInt(fractionBits)));
        const digits = i64.mul(encoding.integerSignificand(a), encoding.integerSignificand(b));
        const difference = i64.sub(digits, i64.shl(encoding.integerSignificand(productBits), shift));
        const unscaled = native.convert_i64_s(difference);
        const unit = i64.shl(i64.extend_i32_u(i32.sub(exponents, 2 * fractionBits)), BigInt(fractionBits));
        const productError = emit.let(native.mul(unscaled, native.fromBits(i64.or(unit, encoding.sign(productBits)))));

        // Knuth's two-sum: exact for operands in any order.
        const addendPart = emit.let(native.sub(sum, product));
        const productPart = native.sub(product, native.sub(sum, addendPart));
        const sumError = emit.let(native.add(productPart, native.sub(addend, addendPart)));

        const correction = emit.let(native.add(sumError, productError));
        const result = emit.let(native.add(native.mul(correction, 1 + margin), sum));
        const other = native.add(native.mul(correction, 1 - margin), sum);
        emit.if(native.eq(other, result), () => {
          emit.if(i32.eqz(flags.has(exceptionFlag.NX)), () => {
            // Each sum minus one of its operands is the other operand where it is exact; see `defineFastAdd`.
            const isSumInexact = i32.or(
              native.ne(native.sub(result, sum), correction),
              native.ne(native.sub(result, correction), sum),
            );
            const isCorrectionInexact = i32.or(
              native.ne(native.sub(correction, sumError), productError),
              native.ne(native.sub(correction, productError), sumError),
            );
            flags.raiseIf(i32.or(isSumInexact, isCorrectionInexact), exceptionFlag.NX);
          });
          emit.return(native.toBits(result));
        });
      });
    });
    return emit.call(inIntegers, a, b, c, mode);
  });
}
