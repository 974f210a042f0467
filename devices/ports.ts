// The words that the devices share with any machine they are plugged into.

/** A level-triggered interrupt line, as a wire into an interrupt controller. */
export interface IrqLine {
  /** Drives the line. Driving it to the level it already has does nothing. */
  set(asserted: boolean): void;
}

/**
 * A range of physical addresses that a device answers. Offsets are bytes from the start of the range. A bus calls
 * `read` and `write` with an offset that is a multiple of the size and inside the range.
 */
export interface MmioRegion {
  /** For logs and the device tree: `uart`, `clint`, `virtio-mmio` … */
  readonly name: string;
  /** Length of the range in bytes. */
  readonly size: number;
  /** Reads 1, 2 or 4 bytes, little endian, as an unsigned number. */
  read(offset: number, size: 1 | 2 | 4): number;
  /** Writes 1, 2 or 4 bytes, little endian; `value` is an unsigned number. */
  write(offset: number, size: 1 | 2 | 4, value: number): void;
  /** Reads 8 bytes at once. Without it the bus reads the low half, then the high half. */
  read64?(offset: number): bigint;
  /** Writes 8 bytes at once. Without it the bus writes the low half, then the high half. */
  write64?(offset: number, value: bigint): void;
}

/** The machine's time. Host time, or time derived from retired instructions. */
export interface Clock {
  /** Ticks of the machine's timebase (10 MHz) since the machine was made; an integer that never decreases. */
  ticks(): number;
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  wallNanoseconds(): bigint;
}

/**
 * A part of a machine whose whole state is one plain record: numbers, bigints, strings, booleans, typed arrays, and lists and
 * records of these. Reading copies it; setting it makes the part of another machine go on from there. Setting throws GuestFault
 * or RangeError for what can not be.
 */
export interface Stateful<State = object> {
  state: State;
}

/** What may hold a device's buffers: guest RAM is a SharedArrayBuffer, or a plain ArrayBuffer where none can be had. */
export type Bytes = Uint8Array<ArrayBufferLike>;

/** Where devices write lines for the person who runs the machine: a guest's fault, a refused option. */
export type Log = (line: string) => void;
