// The RISC-V Instruction Set Manual, Volume I, version 20240411, §20.9 (floating-point classify instruction).
import type { Callable } from '../../wasm/module.ts';
import type { Toolkit } from './environment.ts';

/** The bits of fclass's result. */
const floatClass = {
  negativeInfinity: 1 << 0,
  negativeNormal: 1 << 1,
  negativeSubnormal: 1 << 2,
  negativeZero: 1 << 3,
  positiveZero: 1 << 4,
  positiveSubnormal: 1 << 5,
  positiveNormal: 1 << 6,
  positiveInfinity: 1 << 7,
  signalingNaN: 1 << 8,
  quietNaN: 1 << 9,
} as const;

/** (a): the bit of its class. */
export function defineClassify({ emit, encoding }: Toolkit): Callable {
  const { i64 } = emit;
  return emit.function(['i64'], (a) => {
    const bySign = (negative: number, positive: number) =>
      emit.return(i64.select(BigInt(negative), BigInt(positive), encoding.isNegative(a)));
    emit.if(encoding.isNormal(a), () => bySign(floatClass.negativeNormal, floatClass.positiveNormal));
    emit.if(encoding.isZero(a), () => bySign(floatClass.negativeZero, floatClass.positiveZero));
    emit.if(encoding.isSignaling(a), () => emit.return(BigInt(floatClass.signalingNaN)));
    emit.if(encoding.isNaN(a), () => emit.return(BigInt(floatClass.quietNaN)));
    emit.if(encoding.isInfinite(a), () => bySign(floatClass.negativeInfinity, floatClass.positiveInfinity));
    return i64.select(
      BigInt(floatClass.negativeSubnormal),
      BigInt(floatClass.positiveSubnormal),
      encoding.isNegative(a),
    );
  });
}
