import type { Callable, Code, Local, ModuleBuilder } from '../../wasm/module.ts';
import { memoryOp, op, valueType } from '../../wasm/module.ts';

export type Kind = keyof typeof valueType;

/**
 * What an expression leaves behind: the value itself lies on wasm's stack, its code being written already. It must be
 * used exactly once, and values must be used in the order in which they were computed.
 */
export class OnStack<K extends Kind> {
  readonly kind: K;
  constructor(kind: K) {
    this.kind = kind;
  }
}

/** A local variable or parameter; it may be used any number of times. */
export class Variable<K extends Kind> {
  readonly kind: K;
  readonly local: Local;
  constructor(kind: K, local: Local) {
    this.kind = kind;
    this.local = local;
  }
}

export type Constant<K extends Kind> = K extends 'i64' ? bigint : number;
export type Operand<K extends Kind> = OnStack<K> | Variable<K> | Constant<K>;

// The types of wasm's instructions follow from their names in the text format: `i64.extend_i32_u` takes an i32 and
// gives an i64, `i64.lt_s` compares two i64.
type Named<K extends Kind> = keyof typeof op extends infer N ? (N extends `${K}_${infer Name}` ? Name : never) : never;
type Comparison = 'eqz' | 'eq' | 'ne' | `${'lt' | 'gt' | 'le' | 'ge'}${'' | '_s' | '_u'}`;
type Unary = 'clz' | 'ctz' | 'popcnt' | 'eqz' | 'abs' | 'neg' | 'ceil' | 'floor' | 'trunc' | 'nearest' | 'sqrt';
type Result<K extends Kind, Name> = OnStack<Name extends Comparison ? 'i32' : K>;
type Instruction<K extends Kind, Name> = Name extends `${string}_${infer Source extends Kind}${'' | '_s' | '_u'}`
  ? (operand: Operand<Source>) => OnStack<K>
  : Name extends Unary | `extend${string}`
    ? (operand: Operand<K>) => Result<K, Name>
    : (left: Operand<K>, right: Operand<K>) => Result<K, Name>;

/** Every instruction on one kind of value, and two forms of choice. */
export type Instructions<K extends Kind> = { readonly [Name in Named<K>]: Instruction<K, Name> } & {
  /** `held` where the condition is not 0, else `otherwise`; both are evaluated. */
  readonly select: (held: Operand<K>, otherwise: Operand<K>, condition: Operand<'i32'>) => OnStack<K>;
  /** The same with a branch: only one of the two is evaluated. */
  readonly choose: (condition: Operand<'i32'>, held: () => Operand<K>, otherwise: () => Operand<K>) => OnStack<K>;
};

type Variables<Kinds extends readonly Kind[]> = { [I in keyof Kinds]: Variable<Kinds[I]> };

const comparison = /^(eqz|eq|ne|[lg][te](_[su])?)$/;

/**
 * Writes functions as nested expressions over `Code`.
 *
 * `i64.add(i64.shl(x, 3n), y)` is JavaScript's own order of evaluation put to use: an inner call writes its
 * instructions before the outer call writes its own, so nothing but bytes is ever made. Operands that are variables or
 * constants are written by the outer call; where one stands left of a computed operand, that waits in a local.
 */
export class Emitter {
  readonly i32: Instructions<'i32'>;
  readonly i64: Instructions<'i64'>;
  readonly f32: Instructions<'f32'>;
  readonly f64: Instructions<'f64'>;
  readonly #module: ModuleBuilder;
  /** What lies on wasm's stack, to see that every use is in order. */
  readonly #stack: OnStack<Kind>[] = [];
  #code: Code | undefined;

  constructor(module: ModuleBuilder) {
    this.#module = module;
    this.i32 = this.#instructions('i32');
    this.i64 = this.#instructions('i64');
    this.f32 = this.#instructions('f32');
    this.f64 = this.#instructions('f64');
  }

  /** A function whose body gives its result. */
  function<const Parameters extends readonly Kind[], R extends Kind = 'i64'>(
    parameters: Parameters,
    body: (...parameters: Variables<Parameters>) => Operand<R>,
    result?: R,
  ): Callable {
    const kind = result ?? 'i64';
    const code = this.#module.function(
      parameters.map((parameter) => valueType[parameter]),
      [valueType[kind]],
    );
    this.#code = code;
    const variables = parameters.map((parameter, position) => new Variable(parameter, code.parameter(position)));
    this.#push([body(...(variables as Variables<Parameters>))], [kind]);
    if (this.#stack.length > 0) throw new Error('a computed value was never used');
    this.#code = undefined;
    return code;
  }

  /** A new variable that holds `value`. */
  let<K extends Kind>(value: OnStack<K> | Variable<K>): Variable<K> {
    this.#push([value], [value.kind]);
    return this.#let(value.kind);
  }

  /** A new variable, 0 until it is set. */
  variable<K extends Kind>(kind: K): Variable<K> {
    return new Variable(kind, this.#open().local(valueType[kind]));
  }

  set<K extends Kind>(variable: Variable<K>, value: Operand<K>): void {
    this.#push([value], [variable.kind]);
    this.#open().set(variable.local);
  }

  if(condition: Operand<'i32'>, held: () => void, otherwise?: () => void): void {
    this.#push([condition], ['i32']);
    const code = this.#open();
    code.if();
    held();
    if (otherwise !== undefined) {
      code.else();
      otherwise();
    }
    code.end();
  }

  return(value: Operand<'i64'>): void {
    this.#push([value], ['i64']);
    this.#open().return();
  }

  /** Calls a function of which all parameters are of the kinds of the operands and the result is an i64. */
  call(callee: Callable, ...operands: (OnStack<Kind> | Variable<Kind> | bigint)[]): OnStack<'i64'> {
    this.#push(
      operands,
      operands.map((operand) => (typeof operand === 'bigint' ? 'i64' : operand.kind)),
    );
    this.#open().call(callee);
    return this.#computed('i64');
  }

  /** The 32-bit word at a constant address. */
  load(address: number): OnStack<'i32'> {
    this.#open().i32Const(0).memory(memoryOp.i32_load, address);
    return this.#computed('i32');
  }

  store(address: number, value: Variable<'i32'>): void {
    this.#open().i32Const(0).get(value.local).memory(memoryOp.i32_store, address);
  }

  #open(): Code {
    if (this.#code === undefined) throw new Error('code is written inside of a function only');
    return this.#code;
  }

  #instructions<K extends Kind>(kind: K): Instructions<K> {
    const forms: Record<string, unknown> = {
      select: (held: Operand<K>, otherwise: Operand<K>, condition: Operand<'i32'>) => {
        this.#push([held, otherwise, condition], [kind, kind, 'i32']);
        this.#open().op(op.select);
        return this.#computed(kind);
      },
      choose: (condition: Operand<'i32'>, held: () => Operand<K>, otherwise: () => Operand<K>) => {
        this.#push([condition], ['i32']);
        const code = this.#open();
        code.if(valueType[kind]);
        this.#push([held()], [kind]);
        code.else();
        this.#push([otherwise()], [kind]);
        code.end();
        return this.#computed(kind);
      },
    };
    for (const [fullName, opcode] of Object.entries(op)) {
      if (!fullName.startsWith(`${kind}_`)) continue;
      const name = fullName.slice(kind.length + 1);
      const source = sourceKind(name) ?? kind;
      const result = comparison.test(name) ? 'i32' : kind;
      forms[name] = (...operands: Operand<Kind>[]) => {
        this.#push(operands, [source, source]);
        this.#open().op(opcode);
        return this.#computed(result);
      };
    }
    return forms as Instructions<K>;
  }

  #computed<K extends Kind>(kind: K): OnStack<K> {
    const value = new OnStack(kind);
    this.#stack.push(value);
    return value;
  }

  /** Completes the stack for an instruction that takes these operands from it. */
  #push(operands: readonly Operand<Kind>[], kinds: readonly Kind[]): void {
    const computed = operands.filter((operand) => operand instanceof OnStack);
    const top = this.#stack.splice(this.#stack.length - computed.length);
    if (computed.some((operand, position) => operand !== top[position])) {
      throw new Error('computed operands are used in the order in which they were computed, and once');
    }
    const firstLeaf = operands.findIndex((operand) => !(operand instanceof OnStack));
    if (firstLeaf < 0) return;
    const rest = operands.slice(firstLeaf);
    for (let position = rest.length - 1; position >= 0; position--) {
      const operand = rest[position];
      if (operand instanceof OnStack) rest[position] = this.#let(operand.kind);
    }
    const code = this.#open();
    for (const [position, operand] of rest.entries()) {
      if (operand instanceof Variable) code.get(operand.local);
      else if (!(operand instanceof OnStack)) pushConstant(code, kinds[firstLeaf + position], operand);
    }
  }

  /** A new variable that holds what lies on the stack. */
  #let<K extends Kind>(kind: K): Variable<K> {
    const variable = this.variable(kind);
    this.#open().set(variable.local);
    return variable;
  }
}

/** The kind that a conversion names as its source: `extend_i32_u` names i32. */
function sourceKind(name: string): Kind | undefined {
  const source = /_([if](?:32|64))(?:_[su])?$/.exec(name)?.[1];
  return source === undefined ? undefined : (source as Kind);
}

function pushConstant(code: Code, kind: Kind | undefined, value: number | bigint): void {
  if (typeof value === 'bigint') code.i64Const(value);
  else if (kind === 'i32') code.i32Const(value);
  else if (kind === 'f32') code.f32Const(value);
  else if (kind === 'f64') code.f64Const(value);
  else throw new TypeError(`${value} is not a constant of kind ${kind}`);
}
