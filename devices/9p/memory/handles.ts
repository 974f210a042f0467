// Numbers that stand for objects, reused after they were freed.

export class Handles<T, H extends number> {
  readonly #kind: string;
  /** 0 is no handle. */
  readonly #values: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** `kind` names the objects in the message about a handle that is none. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  get count(): number {
    return this.#values.length - 1 - this.#free.length;
  }

  add(value: T): H {
    const handle = this.#free.pop() ?? this.#values.length;
    this.#values[handle] = value;
    return handle as H;
  }

  /** A handle that is none is a mistake of the caller, not the guest's. */
  get(handle: H): T {
    const value = this.#values[handle];
    if (value === undefined) throw new Error(`${this.#kind} ${handle} does not exist`);
    return value;
  }

  remove(handle: H): T {
    const value = this.get(handle);
    this.#values[handle] = undefined;
    this.#free.push(handle);
    return value;
  }

  removeAll(): T[] {
    const values = this.#values.splice(1).filter((value) => value !== undefined);
    this.#free.length = 0;
    return values;
  }
}
