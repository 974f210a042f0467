// The RISC-V Instruction Set Manual, Volume I, version 20240411, §20.9 (floating-point classify instruction).
import type { Callable } from '../../wasm/module.ts';
import type { Toolkit } from './environment.ts';

/** The bits of fclass's result for negative numbers; those for positive ones are as far from bit 7. */
const infinity = 0;
const normal = 1;
const subnormal = 2;
const zero = 3;
const signalingNaN = 8;
const quietNaN = 9;

/** (a): the bit of its class. */
export function defineClassify({ emit, encoding }: Toolkit): Callable {
  const { i64 } = emit;
  return emit.function(['i64'], (a) => {
    const bit = (position: number) => BigInt(1 << position);
    const bySign = (position: number) => i64.select(bit(position), bit(7 - position), encoding.isNegative(a));
    emit.if(encoding.isNormal(a), () => emit.return(bySign(normal)));
    emit.if(encoding.isZero(a), () => emit.return(bySign(zero)));
    emit.if(encoding.isSignaling(a), () => emit.return(bit(signalingNaN)));
    emit.if(encoding.isNaN(a), () => emit.return(bit(quietNaN)));
    emit.if(encoding.isInfinite(a), () => emit.return(bySign(infinity)));
    return bySign(subnormal);
  });
}
