// IEEE 754-2019 binary32 and binary64 arithmetic with the choices that The RISC-V Instruction Set Manual, Volume I,
// version 20240411, chapters 20 and 21, makes where the standard leaves one.
import { valueType } from '../../wasm/module.ts';
import type { Callable, ModuleBuilder, ValueType } from '../../wasm/module.ts';
import type { FloatFormat, FloatOperation } from '../ops.ts';
import { defineClassify } from './classify.ts';
import { defineCompare, defineExtremum } from './compare.ts';
import { defineNarrow, defineWiden } from './convert.ts';
import { defineDivide } from './divide.ts';
import { Emitter } from './emitter.ts';
import { Encoding } from './encoding.ts';
import { Flags } from './environment.ts';
import type { Environment, FloatState, Toolkit } from './environment.ts';
import {
  defineFastAdd,
  defineFastDivide,
  defineFastFusedMultiplyAdd,
  defineFastMultiply,
  defineFastSquareRoot,
  defineSubtract,
} from './fast-path.ts';
import { binary32, binary64 } from './format.ts';
import type { Format } from './format.ts';
import { defineFromInteger } from './from-integer.ts';
import { defineFusedMultiplyAdd } from './fused-multiply-add.ts';
import { nativeFloat } from './native.ts';
import { defineRound } from './round.ts';
import { defineSpecialResult } from './special.ts';
import { defineSquareRoot } from './square-root.ts';
import { defineToInteger } from './to-integer.ts';

/**
 * The operations of one format.
 *
 * Floating-point values are raw bits in an i64; those of binary32 are the low 32 bits, the others are zero, in operands
 * and in results (NaN boxing is the caller's). `mode` is an i32, a rounding mode in RISC-V's encoding, 0 to 4. Every
 * function returns an i64. Exceptions are or-ed into the flags word in RISC-V's encoding; nothing ever clears it.
 */
export interface FloatOperations {
  /** (a, b, mode): a + b. */
  readonly add: Callable;
  /** (a, b, mode): a - b. */
  readonly sub: Callable;
  /** (a, b, mode): a * b. */
  readonly mul: Callable;
  /** (a, b, mode): a / b. */
  readonly div: Callable;
  /** (a, mode): the square root of a. */
  readonly sqrt: Callable;
  /** (a, b, c, mode): a * b + c, rounded once. */
  readonly fma: Callable;

  /** (a, b): minimumNumber; -0 is less than +0. */
  readonly min: Callable;
  /** (a, b): maximumNumber. */
  readonly max: Callable;
  /** (a, b): 1 if equal, else 0; a quiet NaN raises nothing. */
  readonly eq: Callable;
  /** (a, b): 1 if a < b, else 0; any NaN raises NV. */
  readonly lt: Callable;
  /** (a, b): 1 if a <= b, else 0; any NaN raises NV. */
  readonly le: Callable;
  /** (a): the mask of fclass, one of its ten bits set. */
  readonly classify: Callable;

  /** (a, mode): 32-bit results are sign-extended to 64 bits, the unsigned ones too. */
  readonly toInt32: Callable;
  readonly toUint32: Callable;
  readonly toInt64: Callable;
  readonly toUint64: Callable;

  /** (integer, mode): the 32-bit forms take the low half of the i64. */
  readonly fromInt32: Callable;
  readonly fromUint32: Callable;
  readonly fromInt64: Callable;
  readonly fromUint64: Callable;
}

/** Every operation of both formats, as functions of one module. */
export interface FloatFunctions {
  readonly single: FloatOperations;
  readonly double: FloatOperations;
  /** (a): binary32 to binary64, always exact. */
  readonly singleToDouble: Callable;
  /** (a, mode): binary64 to binary32. */
  readonly doubleToSingle: Callable;
}

/** Operations that take a rounding mode; the widening conversion is among them by its name only. */
export const roundingOperations: ReadonlySet<FloatOperation> = new Set<FloatOperation>([
  ...(['add', 'sub', 'mul', 'div', 'sqrt', 'fma', 'convert'] as const),
  ...(['toInt32', 'toUint32', 'toInt64', 'toUint64', 'fromInt32', 'fromUint32', 'fromInt64', 'fromUint64'] as const),
]);
const binaryOperations: ReadonlySet<FloatOperation> = new Set<FloatOperation>([
  'add',
  'sub',
  'mul',
  'div',
  'min',
  'max',
  'eq',
  'lt',
  'le',
] as const);

/** Types of the parameters of the function that a row asks for; its result is an i64. */
export function floatParameters(operation: FloatOperation, format: FloatFormat): readonly ValueType[] {
  const operands = operation === 'fma' ? 3 : binaryOperations.has(operation) ? 2 : 1;
  const hasMode = roundingOperations.has(operation) && !(operation === 'convert' && format === 'double');
  return [...Array.from({ length: operands }, () => valueType.i64), ...(hasMode ? [valueType.i32] : [])];
}

/** The function that a row asks for. */
export function floatFunctionOf(float: FloatFunctions, operation: FloatOperation, format: FloatFormat): Callable {
  if (operation === 'convert') return format === 'double' ? float.singleToDouble : float.doubleToSingle;
  const operations: FloatOperations = float[format];
  return operations[operation];
}

/** Defines the functions in `module`, which imports a memory. */
export function defineFloat(module: ModuleBuilder, state: FloatState): FloatFunctions {
  const emit = new Emitter(module);
  const environment: Environment = { emit, flags: new Flags(emit, state) };
  const single = toolkit(environment, binary32);
  const double = toolkit(environment, binary64);
  return {
    single: defineOperations(single),
    double: defineOperations(double),
    singleToDouble: defineWiden(single, double),
    doubleToSingle: defineNarrow(double, single),
  };
}

function toolkit(environment: Environment, format: Format): Toolkit {
  const encoding = new Encoding(environment.emit, format);
  return {
    ...environment,
    format,
    encoding,
    native: nativeFloat(environment.emit, format),
    specialResult: defineSpecialResult(environment, encoding),
    round: defineRound(environment, format),
  };
}

function defineOperations(tools: Toolkit): FloatOperations {
  const fusedInIntegers = defineFusedMultiplyAdd(tools);
  const add = defineFastAdd(tools, fusedInIntegers);
  return {
    add,
    sub: defineSubtract(tools, add),
    mul: defineFastMultiply(tools, fusedInIntegers),
    div: defineFastDivide(tools, defineDivide(tools)),
    sqrt: defineFastSquareRoot(tools, defineSquareRoot(tools)),
    fma: defineFastFusedMultiplyAdd(tools, fusedInIntegers),
    min: defineExtremum(tools, 'min'),
    max: defineExtremum(tools, 'max'),
    eq: defineCompare(tools, 'eq'),
    lt: defineCompare(tools, 'lt'),
    le: defineCompare(tools, 'le'),
    classify: defineClassify(tools),
    toInt32: defineToInteger(tools, { width: 32, signed: true }),
    toUint32: defineToInteger(tools, { width: 32, signed: false }),
    toInt64: defineToInteger(tools, { width: 64, signed: true }),
    toUint64: defineToInteger(tools, { width: 64, signed: false }),
    fromInt32: defineFromInteger(tools, { width: 32, signed: true }),
    fromUint32: defineFromInteger(tools, { width: 32, signed: false }),
    fromInt64: defineFromInteger(tools, { width: 64, signed: true }),
    fromUint64: defineFromInteger(tools, { width: 64, signed: false }),
  };
}
