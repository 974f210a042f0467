// IEEE 754-2019, §5.11 (comparison predicates) and §9.6 (minimumNumber and maximumNumber).
import type { Callable } from '../../wasm/module.ts';
import { exceptionFlag } from './environment.ts';
import type { Toolkit } from './environment.ts';

const { NV } = exceptionFlag;

/** (a, b): 1 if a = b, a < b, or a <= b. Equality is a quiet predicate: only signaling NaNs are invalid. */
export function defineCompare({ emit, flags, encoding, native }: Toolkit, relation: 'eq' | 'lt' | 'le'): Callable {
  const { i32, i64 } = emit;
  const isInvalid = relation === 'eq' ? 'isSignaling' : 'isNaN';
  return emit.function(['i64', 'i64'], (a, b) => {
    const holds = emit.let(native[relation](native.fromBits(a), native.fromBits(b)));
    emit.if(i32.eqz(holds), () => flags.raiseIf(i32.or(encoding[isInvalid](a), encoding[isInvalid](b)), NV));
    return i64.extend_i32_u(holds);
  });
}

/** (a, b): the lesser or the greater number. A NaN gives way to a number, and two give the canonical one. */
export function defineExtremum({ emit, flags, format, encoding, native }: Toolkit, which: 'min' | 'max'): Callable {
  const { i32 } = emit;
  return emit.function(['i64', 'i64'], (a, b) => {
    emit.if(i32.or(encoding.isNaN(a), encoding.isNaN(b)), () => {
      flags.raiseIf(i32.or(encoding.isSignaling(a), encoding.isSignaling(b)), NV);
      emit.if(i32.eqz(encoding.isNaN(a)), () => emit.return(a));
      emit.if(i32.eqz(encoding.isNaN(b)), () => emit.return(b));
      emit.return(format.canonicalNaN);
    });
    // Of zeros WebAssembly, too, holds -0 for the lesser one.
    return native.toBits(native[which](native.fromBits(a), native.fromBits(b)));
  });
}
