// What most requests have to know of a node, in a row of one array: how often it is held, where its name is, and which file had
// it. With 100,000 fids a request waits for memory that was not read for long more than for anything else, and as members of
// an object, its name and its numbers these are in six places.
import type { HostStat } from './host.ts';

/** 32-bit words of a row: 64 bytes. The row of a node that is none, as 0, has no holds. */
const width = 16;
/**
 * In words. `parent`: 0 where the name is gone; `ctime` and `epoch`: see `isPlain`; `kind`: the bits of the type, and how many words
 * the name has with its NUL, 0 where it is too long for the row.
 */
const column = { holds: 0, parent: 1, ino: 2, ctime: 4, device: 6, kind: 7, epoch: 8, name: 9 } as const;
/** Bytes of a name. */
const longestName = 4 * (width - column.name) - 1;
const nameWords = 0xf;
const fewestRows = 64;
const typeMask = 0o17_0000;
/** No epoch. */
const never = -1;

/** What a node stands for (tree.ts). */
interface Named {
  readonly node: number;
  readonly name: string;
  readonly parent: { readonly node: number } | undefined;
}

function noNode(node: number): never {
  throw new Error(`node ${node} does not exist`);
}

export class NodeRows {
  #words = new Int32Array(fewestRows * width);
  #bytes = new Uint8Array(this.#words.buffer);
  #numbers = new BigInt64Array(this.#words.buffer);
  /** By the number that rows have for them. There are as many as file systems are mounted in the share. */
  readonly #devices: bigint[] = [];

  /** Begins a row, with one hold and no name. */
  add(node: number, { dev, ino, mode }: Pick<HostStat, 'dev' | 'ino' | 'mode'>): void {
    const at = width * node;
    while (at >= this.#words.length) this.#grow();
    let device = this.#devices.indexOf(dev);
    if (device < 0) device = this.#devices.push(dev) - 1;
    const words = this.#words;
    words[at + column.holds] = 1;
    words[at + column.parent] = 0;
    words[at + column.device] = device;
    words[at + column.kind] = Number(mode) & typeMask;
    words[at + column.epoch] = never;
    this.#numbers[(at + column.ino) / 2] = ino;
  }

  /** An entry has another name, or none. */
  rename({ node, name, parent }: Named): void {
    const at = width * node;
    const fits = name.length <= longestName;
    this.#words[at + column.parent] = parent === undefined ? 0 : parent.node;
    const type = (this.#words[at + column.kind] as number) & typeMask;
    this.#words[at + column.kind] = type | (fits ? (name.length >> 2) + 1 : 0);
    if (!fits) return;
    const start = 4 * (at + column.name);
    for (let index = 0; index < name.length; index++) this.#bytes[start + index] = name.charCodeAt(index);
    this.#bytes[start + name.length] = 0;
  }

  /** Adds a hold. A node without any is none: a mistake of the caller. */
  hold(node: number): void {
    const holds = this.#words[width * node + column.holds] as number;
    if (!(holds > 0)) noNode(node);
    this.#words[width * node + column.holds] = holds + 1;
  }

  /** Takes a hold away; returns how many are left. */
  release(node: number): number {
    const holds = this.#words[width * node + column.holds] as number;
    if (!(holds > 0)) noNode(node);
    this.#words[width * node + column.holds] = holds - 1;
    return holds - 1;
  }

  /** The node of the folder in which the name is; 0 where there is none, or the row does not have the name. */
  folder(node: number): number {
    const words = this.#words;
    const at = width * node;
    const isHere = words[at + column.holds] !== 0 && ((words[at + column.kind] as number) & nameWords) !== 0;
    return isHere ? (words[at + column.parent] as number) : 0;
  }

  /** Copies the name, with its NUL, where the row has it. */
  copyName(node: number, into: Int32Array): void {
    const words = this.#words;
    const at = width * node;
    const count = (words[at + column.kind] as number) & nameWords;
    for (let index = 0; index < count; index++) into[index] = words[at + column.name + index] as number;
  }

  /** Whether `stat` is of the node's file. */
  isSame(node: number, { dev, ino, mode }: HostStat): boolean {
    const at = width * node;
    return (
      this.#numbers[(at + column.ino) / 2] === ino &&
      this.#devices[this.#words[at + column.device] as number] === dev &&
      ((this.#words[at + column.kind] as number) & typeMask) === (Number(mode) & typeMask)
    );
  }

  /** Whether it was told of the node's file that nothing is kept of it (security.ts): in this epoch, with this ctime. */
  isPlain(node: number, epoch: number, ctime: bigint): boolean {
    const at = width * node;
    return this.#words[at + column.epoch] === epoch && this.#numbers[(at + column.ctime) / 2] === ctime;
  }

  setPlain(node: number, epoch: number, ctime: bigint): void {
    const at = width * node;
    this.#words[at + column.epoch] = epoch;
    this.#numbers[(at + column.ctime) / 2] = ctime;
  }

  #grow(): void {
    const larger = new Int32Array(2 * this.#words.length);
    larger.set(this.#words);
    this.#words = larger;
    this.#bytes = new Uint8Array(larger.buffer);
    this.#numbers = new BigInt64Array(larger.buffer);
  }
}
