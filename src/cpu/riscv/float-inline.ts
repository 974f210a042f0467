// Floating-point operations in translated code by the host's own arithmetic, where that gives what RISC-V asks for: mostly
// rounding to nearest even, with the inexact flag raised already, and a result that can raise no other. All else goes the
// long way, to the functions of src/cpu/float. The RISC-V Instruction Set Manual, Volume I (20240411), chapters 20 and 21.
import { Emitter, Variable } from '../float/emitter.ts';
import type { Kind, OnStack, Operand } from '../float/emitter.ts';
import { exceptionFlag, Flags, roundingMode } from '../float/environment.ts';
import { binary32, binary64, formats } from '../float/format.ts';
import { roundingOperations } from '../float/functions.ts';
import { nativeFloat } from '../float/native.ts';
import type { NativeKind } from '../float/native.ts';
import { simdOp } from '../../wasm/module.ts';
import type { Code, Local } from '../../wasm/module.ts';
import type { Decoded } from './decoder.ts';
import { at, floatState } from './layout.ts';
import type { FloatNeed, SignNeed } from './row-needs.ts';
import type { RegionFrame } from './translator-ops.ts';
import { dynamicRounding } from './wasm-ops.ts';

type NumberVariable = Variable<'f32'> | Variable<'f64'>;
type LeaveIf = (condition: Operand<'i32'>) => void;

/** What is above a single in a register (§21.2). */
const boxing = -(2n ** 32n);
/** The least exponent field that a result may have: any finite one, or one that was surely normal before rounding. */
const anyFinite = 0;
const normal = 2;

export class FloatInline {
  readonly #emit = new Emitter();
  readonly #flags = new Flags(this.#emit, floatState);
  readonly #single = { ...binary32, ...nativeFloat(this.#emit, binary32) };
  readonly #double = { ...binary64, ...nativeFloat(this.#emit, binary64) };
  readonly #fusesMultiplyAdd: boolean;

  /** `fusesMultiplyAdd`: whether the host's relaxed multiply-add is there and rounds once. */
  constructor(fusesMultiplyAdd: boolean) {
    this.#fusesMultiplyAdd = fusesMultiplyAdd;
  }

  /**
   * Emits what a row needs, from its registers to its register; `otherwise` emits the long way, which does the same.
   * False: there is no other, and nothing was emitted.
   */
  emit(frame: RegionFrame, need: FloatNeed, decoded: Decoded, otherwise: () => void): boolean {
    const mode = (decoded.bits >>> 12) & 7;
    const { operation } = need;
    if (operation === 'classify') return false;
    if (roundingOperations.has(operation)) {
      // To integers as C converts to them.
      const isToInteger = operation.startsWith('to');
      const isUsual = mode === (isToInteger ? roundingMode.RTZ : roundingMode.RNE);
      if (!isUsual && (isToInteger || mode !== dynamicRounding)) return false;
    }
    this.#emitWays(frame, otherwise, (leaveIf) => this.#emitShortWay(frame, need, decoded, leaveIf));
    return true;
  }

  /** The same for fsgnj and its kin. */
  emitSign(frame: RegionFrame, { kind, format }: SignNeed, decoded: Decoded, otherwise: () => void): void {
    const { code } = frame;
    const value = frame.f(decoded.rs1);
    const sign = frame.f(decoded.rs2);
    const pushMask = (): Code => code.i64Const(formats[format].signBit).simd(simdOp.i64x2_splat);
    this.#emitWays(frame, otherwise, (leaveIf) => {
      if (format === 'single')
        for (const register of new Set([value, sign])) this.#leaveUnboxed(code, register, leaveIf);
      if (kind === 'xor') {
        code.get(value).get(sign);
        pushMask().simd(simdOp.v128_and).simd(simdOp.v128_xor);
      } else if (kind === 'copy' && value === sign) {
        code.get(value);
      } else {
        code.get(sign);
        if (kind === 'negate') pushMask().simd(simdOp.v128_xor);
        code.get(value);
        pushMask().simd(simdOp.v128_bitselect);
      }
      code.set(frame.f(decoded.rd));
    });
  }

  /** `emitShort` emits what computes the result, and leaves where that is not for it. */
  #emitWays(frame: RegionFrame, emitLong: () => void, emitShort: (leaveIf: LeaveIf) => void): void {
    const { code } = frame;
    const newLocal = (kind: Kind): Local => frame.scratch(kind);
    this.#emit.within(code, newLocal, () => {
      const done = code.block();
      const long = code.block();
      let leaves = false;
      emitShort((condition) => {
        this.#emit.branchIfUnlikely(condition, long);
        leaves = true;
      });
      code.i32Const(1).set(frame.floatDirty).br(done).end();
      if (leaves) emitLong();
      code.end();
    });
  }

  /** Leaves where a register holds no boxed single. */
  #leaveUnboxed(code: Code, register: Local, leaveIf: LeaveIf): void {
    leaveIf(this.#emit.i32.ne(this.#word(code, register, 1), -1));
  }

  /** 32 bits of a vector. */
  #word(code: Code, vector: Local, lane: 0 | 1): OnStack<'i32'> {
    return this.#emit.written('i32', () => code.get(vector).simd(simdOp.i32x4_extract_lane, lane));
  }

  #emitShortWay(frame: RegionFrame, need: FloatNeed, decoded: Decoded, leaveIf: LeaveIf): void {
    const emit = this.#emit;
    const { i32, i64, f32, f64 } = emit;
    const { code } = frame;
    const { operation, format } = need;
    const { rd, rs1, rs2, bits } = decoded;
    const isWide = format === 'double';
    const target = isWide ? this.#double : this.#single;
    const fromSingle = isWide === (operation === 'convert');
    const native = fromSingle ? this.#single : this.#double;
    const leaveUnless: LeaveIf = (condition) => leaveIf(i32.eqz(condition));

    const shape = fromSingle ? 'f32x4' : 'f64x2';
    const operands = need.operands
      .filter(({ register }) => register === 'f')
      .map(({ field, negated }): Local => {
        const register = frame.f({ rs1, rs2, rs3: bits >>> 27 }[field]);
        if (fromSingle) this.#leaveUnboxed(code, register, leaveIf);
        if (!negated) return register;
        const opposite = frame.scratch('v128');
        code.get(register).simd(simdOp[`${shape}_neg`]).set(opposite);
        return opposite;
      });
    const numbers = (): [NumberVariable, NumberVariable, NumberVariable] =>
      operands.map((operand): NumberVariable => {
        const lowest = (): Code => code.get(operand).simd(simdOp[`${shape}_extract_lane`], 0);
        return fromSingle ? emit.let(emit.written('f32', lowest)) : emit.let(emit.written('f64', lowest));
      }) as [NumberVariable, NumberVariable, NumberVariable];
    /** Computes with the operands' vectors; what comes of their other lanes does not matter. */
    const compute = (name: 'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'relaxed_madd'): Local => {
      const result = frame.scratch('v128');
      for (const operand of operands) code.get(operand);
      code.simd(simdOp[`${shape}_${name}`]).set(result);
      return result;
    };
    const vectorOf = (number: OnStack<NativeKind> | Variable<NativeKind>): Local => {
      const result = frame.scratch('v128');
      code.get(emit.let(number).local);
      code.simd(isWide ? simdOp.f64x2_splat : simdOp.f32x4_splat).set(result);
      return result;
    };

    const setF = (result: Local): void => {
      code.get(result);
      if (!isWide) code.i64Const(boxing).simd(simdOp.i64x2_splat).simd(simdOp.v128_or);
      code.set(frame.f(rd));
    };
    const setUnlessNaN = (value: OnStack<NativeKind>): void => {
      const number = emit.let(value);
      leaveIf(target.ne(number, number));
      setF(vectorOf(number));
    };
    const setRounded = (result: Local, leastExponent: number): void => {
      // Without the sign, the exponent is what is on top.
      const { maxExponent } = target;
      const shift = Math.clz32(maxExponent);
      const distance = i32.sub(i32.shl(this.#word(code, result, isWide ? 1 : 0), 1), leastExponent << shift);
      leaveIf(i32.ge_u(distance, emit.load(at.floatLimit)));
      setF(result);
    };
    const setX = (value: OnStack<'i64'>): void => {
      if (rd === 0) emit.let(value);
      else emit.set(new Variable('i64', frame.x(rd)), value);
    };

    const isSigned = !operation.includes('Uint');
    const isShort = operation.endsWith('32');
    switch (operation) {
      case 'add':
      case 'sub':
      case 'sqrt':
        // A sum of subnormal size is exact, and no square root is of that size.
        setRounded(compute(operation), anyFinite);
        break;
      case 'mul':
      case 'div':
        setRounded(compute(operation), normal);
        break;
      case 'fma':
        if (this.#fusesMultiplyAdd) setRounded(compute('relaxed_madd'), normal);
        else {
          // Where the rounded product is normal, the exact one lies between neighbours of it; but the least normal number's lower
          // neighbour is not found by a product. Where the addend's sums with both are rounded to the same number, so is the
          // exact sum.
          const [a, b, c] = numbers();
          const product = emit.let(native.mul(a, b));
          leaveIf(native.le(native.abs(product), 2 ** (1 - native.bias)));
          const sum = emit.let(native.add(native.mul(product, 1 + 2 ** (1 - native.precision)), c));
          leaveIf(native.ne(native.add(native.mul(product, 1 - 2 ** -native.precision), c), sum));
          setRounded(vectorOf(sum), normal);
        }
        break;
      case 'min':
      case 'max': {
        // WebAssembly, too, holds -0 for the lesser zero.
        const [a, b] = numbers();
        setUnlessNaN(native[operation](a, b));
        break;
      }
      case 'eq':
      case 'lt':
      case 'le': {
        // A NaN for any NaN, and for infinities that are the same.
        const [a, b] = numbers();
        const difference = emit.let(native.sub(a, b));
        leaveIf(native.ne(difference, difference));
        setX(i64.extend_i32_u(native[operation](a, b)));
        break;
      }
      case 'convert': {
        const [a] = numbers();
        if (a.kind === 'f32') setUnlessNaN(f64.promote_f32(a));
        else setRounded(vectorOf(f32.demote_f64(a)), normal);
        break;
      }
      case 'toInt32':
      case 'toUint32':
      case 'toInt64':
      case 'toUint64': {
        const [a] = numbers();
        leaveUnless(this.#flags.has(exceptionFlag.NX));
        const value = a.kind === 'f32' ? emit.let(f64.promote_f32(a)) : a;
        // From 2^63 on the unsigned ones are left as well.
        leaveUnless(f64.lt(isSigned ? f64.abs(value) : value, 2 ** (!isShort ? 63 : isSigned ? 31 : 32)));
        if (!isSigned) leaveUnless(f64.ge(value, 0));
        const integer = i64.trunc_f64_s(value);
        setX(isShort ? i64.extend32_s(integer) : integer);
        break;
      }
      default: {
        // 32 bits are exact in a double.
        if (!isShort || !isWide) leaveUnless(emit.load(at.floatLimit));
        const source: Operand<'i64'> = rs1 === 0 ? 0n : new Variable('i64', frame.x(rs1));
        const integer = !isShort ? source : isSigned ? i64.extend32_s(source) : i64.and(source, 0xffff_ffffn);
        setF(vectorOf(isSigned ? target.convert_i64_s(integer) : target.convert_i64_u(integer)));
      }
    }
  }
}
