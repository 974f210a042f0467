// What TinyEMU 2019-12-21 did, compiled to WebAssembly, in Node.js: an interpreter that answers 9P in the processor's thread.
// Measured once, with QEMU 7.2 by turns, on a machine and a kernel as here; so only how many times QEMU's speed that was
// compares with what the bench measures.

interface Beside {
  readonly tinyEmu: number;
  readonly qemu: number;
}

/** Operations per second on a share with msize=512000, by cache mode and by the words of file-operations.ts. */
const files: Readonly<Record<string, Readonly<Record<string, Beside>>>> = {
  none: {
    readdir: { tinyEmu: 71_000, qemu: 31_000 },
    'stat-first': { tinyEmu: 1978, qemu: 2119 },
    'stat-again': { tinyEmu: 1 / 523e-6, qemu: 1 / 501e-6 },
    'open-read-close': { tinyEmu: 1206, qemu: 879 },
    create: { tinyEmu: 980, qemu: 685 },
    rename: { tinyEmu: 1081, qemu: 1388 },
    unlink: { tinyEmu: 2010, qemu: 1641 },
    read: { tinyEmu: 66, qemu: 40 },
    write: { tinyEmu: 64, qemu: 43 },
  },
  loose: {
    readdir: { tinyEmu: 79_000, qemu: 16_000 },
    'stat-first': { tinyEmu: 5172, qemu: 1979 },
    'stat-again': { tinyEmu: 1 / 23e-6, qemu: 1 / 34e-6 },
    'open-read-close': { tinyEmu: 1823, qemu: 998 },
    create: { tinyEmu: 1069, qemu: 684 },
    rename: { tinyEmu: 1614, qemu: 1649 },
    unlink: { tinyEmu: 3118, qemu: 2710 },
    read: { tinyEmu: 277, qemu: 352 },
    write: { tinyEmu: 127, qemu: 135 },
  },
};

/** Seconds of programs of the same kind as those of programs.ts. */
const seconds: Readonly<Record<string, Beside>> = {
  sort: { tinyEmu: 1.72, qemu: 0.68 },
  sieve: { tinyEmu: 1.06, qemu: 0.39 },
  sha256: { tinyEmu: 14.4, qemu: 0.75 },
  records: { tinyEmu: 2.32, qemu: 0.47 },
  matmul: { tinyEmu: 1.85, qemu: 4.74 },
  chase: { tinyEmu: 1.41, qemu: 2.79 },
};

/** How many times as fast as QEMU TinyEMU did an operation on files, where that is known. */
export function tinyEmuOnFiles(mode: string, operation: string): number | undefined {
  const found = files[mode]?.[operation];
  return found && found.tinyEmu / found.qemu;
}

/** The same of a program. */
export function tinyEmuOnProgram(name: string): number | undefined {
  const found = seconds[name];
  return found && found.qemu / found.tinyEmu;
}
