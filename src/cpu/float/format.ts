// IEEE 754-2019, §3.4 (binary interchange format encodings).

/** One interchange format: its parameters, and the masks and values that follow from them, as bits in a bigint. */
export interface Format {
  /** The WebAssembly type with the same encoding. */
  readonly native: 'f32' | 'f64';
  readonly width: number;
  /** Digits of the significand, the implicit one included: p. */
  readonly precision: number;
  /** p - 1: the digits that are stored. */
  readonly fractionBits: number;
  readonly bias: number;
  /** The exponent field of infinities and NaNs: all ones. */
  readonly maxExponent: number;

  readonly signBit: bigint;
  readonly fractionMask: bigint;
  /** All bits but the sign. */
  readonly magnitudeMask: bigint;
  /** The top bit of the fraction: set in a quiet NaN, clear in a signaling one (§6.2.1). */
  readonly quietBit: bigint;
  readonly one: bigint;
  readonly infinity: bigint;
  readonly greatestFinite: bigint;
  /** RISC-V's canonical NaN, which every operation gives that gives a NaN. */
  readonly canonicalNaN: bigint;
}

function interchangeFormat(native: 'f32' | 'f64', width: number, precision: number): Format {
  const fractionBits = precision - 1;
  const maxExponent = 2 ** (width - precision) - 1;
  const signBit = 1n << BigInt(width - 1);
  const infinity = BigInt(maxExponent) << BigInt(fractionBits);
  const quietBit = 1n << BigInt(fractionBits - 1);
  return {
    native,
    width,
    precision,
    fractionBits,
    bias: (maxExponent - 1) / 2,
    maxExponent,
    signBit,
    fractionMask: (1n << BigInt(fractionBits)) - 1n,
    magnitudeMask: signBit - 1n,
    quietBit,
    one: BigInt((maxExponent - 1) / 2) << BigInt(fractionBits),
    infinity,
    greatestFinite: infinity - 1n,
    canonicalNaN: infinity | quietBit,
  };
}

export const binary32 = interchangeFormat('f32', 32, 24);
export const binary64 = interchangeFormat('f64', 64, 53);
export const formats = { single: binary32, double: binary64 } as const;
