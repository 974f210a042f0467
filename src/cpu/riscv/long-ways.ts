// Floating-point instructions as functions of a module: what is seldom gone is written once for all of its regions, and
// compiled when it is gone.
import { valueType } from '../../wasm/module.ts';
import type { Callable, Local, ModuleBuilder } from '../../wasm/module.ts';
import type { Decoded } from './decoder.ts';
import type { RegionImports } from './region-code.ts';
import { registerFields } from './register-fields.ts';
import { Scratch } from './scratch.ts';
import { TranslatorOps } from './translator-ops.ts';
import type { InstructionExits, RegionFrame } from './translator-ops.ts';

const { i32, i64, v128 } = valueType;

const only = (): never => {
  throw new Error('a floating-point operation only computes');
};
const noExits: InstructionExits = { emitRetry: only, emitUncounted: only, emitTaken: only, emitLeave: only };

export class LongWays {
  readonly #module: ModuleBuilder;
  readonly #imports: Omit<RegionImports, 'longWay'>;
  /** By name and rounding mode. */
  readonly #made = new Map<string, Callable>();

  constructor(module: ModuleBuilder, imports: Omit<RegionImports, 'longWay'>) {
    this.#module = module;
    this.#imports = imports;
  }

  /** Takes what the operands' registers hold, vectors or integers, and gives what the result's is to hold. */
  of(decoded: Decoded): Callable {
    const key = `${decoded.row.name} ${(decoded.bits >>> 12) & 7}`;
    const made = this.#made.get(key) ?? this.#define(decoded);
    this.#made.set(key, made);
    return made;
  }

  #define(decoded: Decoded): Callable {
    const { row, bits } = decoded;
    const fields = registerFields(row);
    const types = fields.map(({ isFloat }) => (isFloat ? v128 : i64));
    const code = this.#module.function(types.slice(0, -1), types.slice(-1));
    const locals = new Map<number, Local>(
      fields.map(({ field }, index) => [number[field], code.parameters[index] ?? code.local(types[index] ?? i64)]),
    );
    const register = (index: number): Local => locals.get(index) ?? only();
    const unused = code.local(i32);
    const scratch = new Scratch(code);
    const frame: RegionFrame = {
      ...this.#imports,
      code,
      x: register,
      f: register,
      pageBase: unused,
      readCache: unused,
      writeCache: unused,
      usesFloat: true,
      floatDirty: unused,
      scratch: (type) => scratch.take(type),
      floatFunction: this.#imports.float,
      longWay: only,
    };
    const { rs1, rs2, rs3, rd } = number;
    const renumbered = { ...decoded, rs1, rs2, rd, bits: (bits & 0x07ff_ffff) | (rs3 << 27) };
    row.meaning(new TranslatorOps(frame, noExits, renumbered));
    code.get(register(rd));
    return code;
  }
}

/** The numbers of the registers in such a function; x0 would be none. */
const number = { rs1: 1, rs2: 2, rs3: 3, rd: 4 } as const;
