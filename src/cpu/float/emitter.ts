import type { Callable, Code, Label, Local, ModuleBuilder } from '../../wasm/module.ts';
import type { MemoryOpcode } from '../../wasm/opcodes.ts';
import { memoryOp, op, valueType } from '../../wasm/module.ts';

export type Kind = Exclude<keyof typeof valueType, 'v128'>;

/**
 * What an expression leaves behind: the value itself lies on wasm's stack, its code being written already. It must be
 * used exactly once, and values must be used in the order in which they were computed.
 */
export class OnStack<K extends Kind> {
  readonly kind: K;
  /** How many values lie below it. */
  readonly depth: number;

  constructor(kind: K, depth: number) {
    this.kind = kind;
    this.depth = depth;
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

type Constant<K extends Kind> = K extends 'i64' ? bigint : number;
export type Operand<K extends Kind> = OnStack<K> | Variable<K> | Constant<K>;
type Leaf = Variable<Kind> | Constant<Kind>;

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
  readonly #module: ModuleBuilder | undefined;
  /** One object for each place on the stack, because thousands of values come and go while a guest waits to start. */
  readonly #places: Record<Kind, OnStack<Kind>[]> = { i32: [], i64: [], f32: [], f64: [] };
  /** How many values lie on wasm's stack. */
  #depth = 0;
  #code: Code | undefined;
  #newLocal: (kind: Kind) => Local = () => this.#missing();

  /** `module` is where functions are made; without one, code is written within others' functions only. */
  constructor(module?: ModuleBuilder) {
    this.#module = module;
    this.i32 = this.#instructions('i32');
    this.i64 = this.#instructions('i64');
    this.f32 = this.#instructions('f32');
    this.f64 = this.#instructions('f64');
  }

  /** A function whose body gives its result, an i64. */
  function<const Parameters extends readonly Kind[]>(
    parameters: Parameters,
    body: (...parameters: Variables<Parameters>) => Operand<'i64'>,
  ): Callable {
    const code = (this.#module ?? this.#missing()).function(
      parameters.map((parameter) => valueType[parameter]),
      [valueType.i64],
    );
    const variables = parameters.map((parameter, position) => new Variable(parameter, code.parameter(position)));
    this.within(
      code,
      (kind) => code.local(valueType[kind]),
      () => this.#pushOne('i64', body(...(variables as Variables<Parameters>))),
    );
    return code;
  }

  /** Writes a part of a function; `newLocal` gives its variables, of which one that was used before is not 0. */
  within(code: Code, newLocal: (kind: Kind) => Local, write: () => void): void {
    this.#code = code;
    this.#newLocal = newLocal;
    write();
    if (this.#depth !== 0) throw new Error('a computed value was never used');
    this.#code = undefined;
  }

  /** What `write` has left on the stack by writing to the function itself. */
  written<K extends Kind>(kind: K, write: () => void): OnStack<K> {
    write();
    return this.#computed(kind);
  }

  /** A new variable that holds `value`. */
  let<K extends Kind>(value: OnStack<K> | Variable<K>): Variable<K> {
    this.#pushOne(value.kind, value);
    return this.#let(value.kind);
  }

  /** A new variable, 0 until it is set. */
  variable<K extends Kind>(kind: K): Variable<K> {
    return new Variable(kind, this.#newLocal(kind));
  }

  set<K extends Kind>(variable: Variable<K>, value: Operand<K>): void {
    this.#pushOne(variable.kind, value);
    this.#open().set(variable.local);
  }

  if(condition: Operand<'i32'>, held: () => void, otherwise?: () => void): void {
    this.#pushOne('i32', condition);
    const code = this.#open();
    code.if();
    held();
    if (otherwise !== undefined) {
      code.else();
      otherwise();
    }
    code.end();
  }

  branchIfUnlikely(condition: Operand<'i32'>, label: Label): void {
    this.#pushOne('i32', condition);
    this.#open().brIfUnlikely(label);
  }

  return(value: Operand<'i64'>): void {
    this.#pushOne('i64', value);
    this.#open().return();
  }

  /** Calls a function of which all parameters are of the kinds of the operands and the result is an i64. */
  call(callee: Callable, ...operands: (OnStack<Kind> | Variable<Kind> | bigint)[]): OnStack<'i64'> {
    this.#push('i64', operands);
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

  /** What `opcode` loads from `offset` bytes behind an address: a value of `kind`. */
  loadAt<K extends Kind>(kind: K, opcode: MemoryOpcode, address: Operand<'i32'>, offset = 0): OnStack<K> {
    this.#pushOne('i32', address);
    this.#open().memory(opcode, offset);
    return this.#computed(kind);
  }

  /** Stores `offset` bytes behind an address. A constant is of the kind that `opcode` takes: a bigint an i64, a number an i32. */
  storeAt(opcode: MemoryOpcode, address: Operand<'i32'>, value: Operand<'i32' | 'i64'>, offset = 0): void {
    this.#pushTwo('i32', address, value);
    this.#open().memory(opcode, offset);
  }

  #open(): Code {
    return this.#code ?? this.#missing();
  }

  #missing(): never {
    throw new Error('functions are made in a module, and code is written in functions');
  }

  #instructions<K extends Kind>(kind: K): Instructions<K> {
    const forms: Record<string, unknown> = {
      select: (held: Operand<K>, otherwise: Operand<K>, condition: Operand<'i32'>) => {
        this.#push(kind, [held, otherwise, condition]);
        this.#open().op(op.select);
        return this.#computed(kind);
      },
      choose: (condition: Operand<'i32'>, held: () => Operand<K>, otherwise: () => Operand<K>) => {
        this.#pushOne('i32', condition);
        const code = this.#open();
        code.if(valueType[kind]);
        this.#pushOne(kind, held());
        code.else();
        this.#pushOne(kind, otherwise());
        code.end();
        return this.#computed(kind);
      },
    };
    for (const [fullName, opcode] of Object.entries(op)) {
      if (!fullName.startsWith(`${kind}_`)) continue;
      const name = fullName.slice(kind.length + 1);
      const source = sourceKind(name) ?? kind;
      const result = comparison.test(name) ? 'i32' : kind;
      forms[name] = (left: Operand<Kind>, right?: Operand<Kind>) => {
        if (right === undefined) this.#pushOne(source, left);
        else this.#pushTwo(source, left, right);
        this.#open().op(opcode);
        return this.#computed(result);
      };
    }
    return forms as Instructions<K>;
  }

  #computed<K extends Kind>(kind: K): OnStack<K> {
    const places = this.#places[kind];
    const depth = this.#depth++;
    return (places[depth] ??= new OnStack(kind, depth)) as OnStack<K>;
  }

  #take(operand: OnStack<Kind>): void {
    this.#depth -= 1;
    if (operand.depth !== this.#depth) {
      throw new Error('computed operands are used in the order in which they were computed, and once');
    }
  }

  #leaf(kind: Kind, operand: Leaf): void {
    if (operand instanceof Variable) this.#open().get(operand.local);
    else pushConstant(this.#open(), kind, operand);
  }

  /** Completes the stack for something that takes this operand from it; a constant is of `kind`. */
  #pushOne(kind: Kind, operand: Operand<Kind>): void {
    if (operand instanceof OnStack) this.#take(operand);
    else this.#leaf(kind, operand);
  }

  #pushTwo(kind: Kind, left: Operand<Kind>, right: Operand<Kind>): void {
    if (right instanceof OnStack && !(left instanceof OnStack)) {
      this.#take(right);
      const waiting = this.#let(right.kind);
      this.#leaf(kind, left);
      this.#leaf(kind, waiting);
      return;
    }
    if (right instanceof OnStack) this.#take(right);
    this.#pushOne(kind, left);
    if (!(right instanceof OnStack)) this.#leaf(kind, right);
  }

  #push(kind: Kind, operands: readonly Operand<Kind>[]): void {
    let firstLeaf = operands.length;
    for (let position = operands.length - 1; position >= 0; position--) {
      const operand = operands[position];
      if (operand instanceof OnStack) this.#take(operand);
      else firstLeaf = position;
    }
    const waiting = operands
      .slice(firstLeaf)
      .filter((operand) => operand instanceof OnStack)
      .reverse()
      .map((operand) => this.#let(operand.kind));
    for (const operand of operands.slice(firstLeaf)) {
      const leaf = operand instanceof OnStack ? waiting.pop() : operand;
      if (leaf !== undefined) this.#leaf(kind, leaf);
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

function pushConstant(code: Code, kind: Kind, value: number | bigint): void {
  if (typeof value === 'bigint') code.i64Const(value);
  else if (kind === 'i32') code.i32Const(value);
  else if (kind === 'f32') code.f32Const(value);
  else if (kind === 'f64') code.f64Const(value);
  else throw new TypeError(`${value} is not a constant of kind ${kind}`);
}
