// IEEE 754-2019, §5.4.2 (formatOf conversions between binary formats).
import type { Callable } from '../../wasm/module.ts';
import { exceptionFlag } from './environment.ts';
import type { Toolkit } from './environment.ts';

const { NV } = exceptionFlag;

/** (a): binary32 to binary64. */
export function defineWiden(narrow: Toolkit, wide: Toolkit): Callable {
  const { emit, flags, encoding } = narrow;
  const { i32, i64, f32, f64 } = emit;

  return emit.function(['i64'], (a) => {
    emit.if(encoding.isNaN(a), () => {
      flags.raiseIf(encoding.isSignaling(a), NV);
      emit.return(wide.format.canonicalNaN);
    });
    return i64.reinterpret_f64(f64.promote_f32(f32.reinterpret_i32(i32.wrap_i64(a))));
  });
}

/** (a, mode): binary64 to binary32. */
export function defineNarrow(wide: Toolkit, narrow: Toolkit): Callable {
  const { emit, flags, encoding } = wide;
  const { i32, i64, f32, f64 } = emit;

  return emit.function(['i64', 'i32'], (a, mode) => {
    const value = emit.let(f64.reinterpret_i64(a));
    const nearest = emit.let(f32.demote_f64(value));
    const bits = emit.let(i64.extend_i32_u(i32.reinterpret_f32(nearest)));
    // Exact, so that neither mode nor flags matter; zeros and infinities too.
    emit.if(f64.eq(f64.promote_f32(nearest), value), () => emit.return(bits));

    emit.if(encoding.isNaN(a), () => {
      flags.raiseIf(encoding.isSignaling(a), NV);
      emit.return(narrow.format.canonicalNaN);
    });
    const { exponent, significand } = encoding.unpack(a);
    return emit.call(
      narrow.round,
      i64.shr_u(encoding.sign(a), BigInt(wide.format.width - narrow.format.width)),
      i32.sub(exponent, wide.format.bias - narrow.format.bias),
      significand,
      mode,
    );
  });
}
