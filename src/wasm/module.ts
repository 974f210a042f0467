// WebAssembly Core Specification 2.0, §5.5 (modules).
import { ByteWriter } from './byte-writer.ts';
import { Code } from './code.ts';
import type { Callable } from './code.ts';
import { controlOp } from './opcodes.ts';
import type { ValueType } from './opcodes.ts';

const section = { custom: 0, type: 1, import: 2, function: 3, table: 4, export: 7, element: 9, code: 10 } as const;
const externalKind = { function: 0, table: 1, memory: 2 } as const;
const funcref = 0x70;
/** The section of the branch hinting proposal; an engine that does not know it passes over it. */
const branchHints = 'metadata.code.branch_hint';

/** Limits of an imported memory in pages of 64 KiB; `shared` must be what the memory itself is. */
export interface MemoryLimits {
  readonly minimum: number;
  readonly maximum: number;
  readonly shared: boolean;
}

/** A module in the making. Imports come first, then functions, in the order in which they are asked for. */
export class ModuleBuilder {
  readonly #types: { key: string; parameters: readonly ValueType[]; results: readonly ValueType[] }[] = [];
  readonly #imports = new ByteWriter();
  readonly #functions: Code[] = [];
  readonly #exports = new ByteWriter();
  readonly #typeIndex = (parameters: readonly ValueType[], results: readonly ValueType[]): number =>
    this.#type(parameters, results);
  #importCount = 0;
  #importedFunctions = 0;
  #exportCount = 0;
  #table: { size: number; functions: readonly Callable[] } | undefined;

  importMemory(module: string, name: string, { minimum, maximum, shared }: MemoryLimits): void {
    this.#import(module, name, externalKind.memory);
    this.#imports.byte(shared ? 0x03 : 0x01);
    this.#imports.unsigned(minimum);
    this.#imports.unsigned(maximum);
  }

  importTable(module: string, name: string, minimum: number): void {
    this.#import(module, name, externalKind.table);
    this.#imports.byte(funcref);
    this.#imports.byte(0x00);
    this.#imports.unsigned(minimum);
  }

  importFunction(
    module: string,
    name: string,
    parameters: readonly ValueType[],
    results: readonly ValueType[],
  ): Callable {
    if (this.#functions.length > 0) throw new Error('imports come before functions');
    this.#import(module, name, externalKind.function);
    this.#imports.unsigned(this.#type(parameters, results));
    return { index: this.#importedFunctions++ };
  }

  /** A new function; its body is written through the result. */
  function(parameters: readonly ValueType[], results: readonly ValueType[]): Code {
    const code = new Code(this.#importedFunctions + this.#functions.length, parameters, results, this.#typeIndex);
    this.#functions.push(code);
    return code;
  }

  exportFunction(name: string, callee: Callable): void {
    this.#exports.name(name);
    this.#exports.byte(externalKind.function);
    this.#exports.unsigned(callee.index);
    this.#exportCount += 1;
  }

  /** A table of the module's own that holds these functions from index 0 on. */
  table(functions: readonly Callable[]): void {
    this.#table = { size: functions.length, functions };
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    // Function types first: writing them adds no further ones.
    const functions = new ByteWriter();
    for (const code of this.#functions) {
      functions.unsigned(
        this.#type(
          code.parameters.map((parameter) => parameter.type),
          code.results,
        ),
      );
    }
    const out = new ByteWriter();
    out.append(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
    this.#section(out, section.type, this.#types.length, this.#typeSection());
    this.#section(out, section.import, this.#importCount, this.#imports);
    this.#section(out, section.function, this.#functions.length, functions);
    if (this.#table !== undefined) {
      const table = new ByteWriter();
      table.byte(funcref);
      table.byte(0x00);
      table.unsigned(this.#table.size);
      this.#section(out, section.table, 1, table);
    }
    this.#section(out, section.export, this.#exportCount, this.#exports);
    if (this.#table !== undefined) {
      const elements = new ByteWriter();
      elements.unsigned(0);
      elements.byte(controlOp.i32_const);
      elements.signed(0);
      elements.byte(controlOp.end);
      elements.unsigned(this.#table.functions.length);
      for (const callee of this.#table.functions) elements.unsigned(callee.index);
      this.#section(out, section.element, 1, elements);
    }
    const bodies = new ByteWriter();
    const hints = new ByteWriter();
    const hinted = this.#functions.filter((code) => code.finish(bodies, hints)).length;
    if (hinted > 0) {
      const content = new ByteWriter();
      content.name(branchHints);
      content.unsigned(hinted);
      content.append(hints.bytes());
      out.byte(section.custom);
      out.sized(content);
    }
    this.#section(out, section.code, this.#functions.length, bodies);
    return out.bytes().slice();
  }

  #typeSection(): ByteWriter {
    const types = new ByteWriter();
    for (const { parameters, results } of this.#types) {
      types.byte(0x60);
      types.unsigned(parameters.length);
      for (const type of parameters) types.byte(type);
      types.unsigned(results.length);
      for (const type of results) types.byte(type);
    }
    return types;
  }

  #section(out: ByteWriter, id: number, count: number, items: ByteWriter): void {
    if (count === 0) return;
    const content = new ByteWriter();
    content.unsigned(count);
    content.append(items.bytes());
    out.byte(id);
    out.sized(content);
  }

  #import(module: string, name: string, kind: number): void {
    this.#imports.name(module);
    this.#imports.name(name);
    this.#imports.byte(kind);
    this.#importCount += 1;
  }

  #type(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${parameters.join()}:${results.join()}`;
    const known = this.#types.findIndex((type) => type.key === key);
    if (known >= 0) return known;
    this.#types.push({ key, parameters, results });
    return this.#types.length - 1;
  }
}

export { op, memoryOp, simdMemoryOp, simdOp, valueType } from './opcodes.ts';
export type { ValueType } from './opcodes.ts';
export type { Callable, Code, Label, Local } from './code.ts';
