// IEEE 754-2019, §5.11 (comparison predicates) and §9.6 (minimumNumber and maximumNumber).
import type { Callable } from '../../wasm/module.ts';
import type { OnStack, Variable } from './emitter.ts';
import { exceptionFlag } from './environment.ts';
import type { Toolkit } from './environment.ts';

const { NV } = exceptionFlag;

/** (a, b): 1 if they compare equal; a quiet predicate. */
export function defineEqual({ emit, flags, encoding, native }: Toolkit): Callable {
  const { i32, i64 } = emit;
  return emit.function(['i64', 'i64'], (a, b) => {
    const isEqual = emit.let(native.eq(native.fromBits(a), native.fromBits(b)));
    emit.if(i32.eqz(isEqual), () => flags.raiseIf(i32.or(encoding.isSignaling(a), encoding.isSignaling(b)), NV));
    return i64.extend_i32_u(isEqual);
  });
}

/** (a, b): 1 if a < b, or a <= b; signaling predicates. */
export function defineLess({ emit, flags, encoding, native }: Toolkit, relation: 'lt' | 'le'): Callable {
  const { i32, i64 } = emit;
  return emit.function(['i64', 'i64'], (a, b) => {
    const holds = emit.let(native[relation](native.fromBits(a), native.fromBits(b)));
    emit.if(i32.eqz(holds), () => flags.raiseIf(i32.or(encoding.isNaN(a), encoding.isNaN(b)), NV));
    return i64.extend_i32_u(holds);
  });
}

/** (a, b): the lesser or the greater number. A NaN gives way to a number, and two give the canonical one. */
export function defineExtremum({ emit, flags, format, encoding }: Toolkit, which: 'min' | 'max'): Callable {
  const { i32, i64 } = emit;
  // Integers in the order of the numbers, with -0 before +0: a negative number's magnitude is complemented.
  const unusedBits = BigInt(64 - format.width);
  const ordered = (bits: Variable<'i64'>): OnStack<'i64'> => {
    const value = emit.let(format.width === 32 ? i64.extend32_s(bits) : bits);
    return i64.xor(i64.shr_u(i64.shr_s(value, 63n), unusedBits + 1n), value);
  };

  return emit.function(['i64', 'i64'], (a, b) => {
    emit.if(i32.or(encoding.isNaN(a), encoding.isNaN(b)), () => {
      flags.raiseIf(i32.or(encoding.isSignaling(a), encoding.isSignaling(b)), NV);
      emit.if(i32.eqz(encoding.isNaN(a)), () => emit.return(a));
      emit.if(i32.eqz(encoding.isNaN(b)), () => emit.return(b));
      emit.return(format.canonicalNaN);
    });
    const isLess = emit.let(i64.lt_s(ordered(a), ordered(b)));
    return which === 'min' ? i64.select(a, b, isLess) : i64.select(b, a, isLess);
  });
}
