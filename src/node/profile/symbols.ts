// What code is called: names by address.

/** A function: a name, and where it begins. */
export interface CodeSymbol {
  readonly name: string;
  readonly address: number;
  /** 0: to the next one. */
  readonly size: number;
}

export class SymbolTable {
  readonly #symbols: readonly CodeSymbol[];

  /** Of several names for one address the first is kept. */
  constructor(symbols: readonly CodeSymbol[]) {
    const sorted = symbols.toSorted((one, other) => one.address - other.address);
    this.#symbols = sorted.filter(({ address }, index) => address !== sorted[index - 1]?.address);
  }

  get size(): number {
    return this.#symbols.length;
  }

  /** The function that an address belongs to. */
  find(address: number): CodeSymbol | undefined {
    let from = 0;
    let to = this.#symbols.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#symbols[middle]?.address ?? 0) <= address) from = middle + 1;
      else to = middle;
    }
    const symbol = this.#symbols[from - 1];
    if (symbol === undefined) return undefined;
    return symbol.size === 0 || address < symbol.address + symbol.size ? symbol : undefined;
  }
}

/** The code in /proc/kallsyms; none where the kernel hides its addresses. */
export function parseKallsyms(text: string): CodeSymbol[] {
  return text.split('\n').flatMap((line) => {
    const [digits = '', type = '', name = ''] = line.split(/\s+/);
    const address = Number(BigInt.asIntN(64, BigInt(/^[0-9a-f]+$/.test(digits) ? `0x${digits}` : 0)));
    return address !== 0 && /^[tTwW]$/.test(type) && !/^(\$|\.L)/.test(name) ? [{ name, address, size: 0 }] : [];
  });
}
