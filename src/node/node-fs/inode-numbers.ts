// One inode number per file for the guest, where the share spans several file systems of the host. Files of the root's file
// system keep their numbers; those of the others get the upper 16 bits of theirs replaced by a number per file system.

const lowBits = 48n;
/** Numbers of file systems go down from here: real inode numbers of so many bits are rare, and mostly begin with few. */
const firstPrefix = 0x7ffen;
/** The upper bits of files whose own number does not fit into the lower ones. */
const longPrefix = 0x7fffn;

export class InodeNumbers {
  readonly #rootDevice: bigint;
  readonly #prefixes = new Map<bigint, bigint>();
  /** By device and number. Only for numbers beyond 48 bits on a file system that is mounted below the root. */
  readonly #long = new Map<string, bigint>();

  constructor(rootDevice: bigint) {
    this.#rootDevice = rootDevice;
  }

  numberOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): bigint {
    if (dev === this.#rootDevice) return BigInt.asUintN(64, ino);
    const low = BigInt.asUintN(64, ino);
    if (low >> lowBits !== 0n) return this.#longNumberOf(dev, low);
    let prefix = this.#prefixes.get(dev);
    if (prefix === undefined) {
      prefix = firstPrefix - BigInt(this.#prefixes.size);
      this.#prefixes.set(dev, prefix);
    }
    return (prefix << lowBits) | low;
  }

  #longNumberOf(dev: bigint, ino: bigint): bigint {
    const key = `${dev}:${ino}`;
    let number = this.#long.get(key);
    if (number === undefined) {
      number = (longPrefix << lowBits) | BigInt(this.#long.size + 1);
      this.#long.set(key, number);
    }
    return number;
  }
}
