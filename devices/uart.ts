// A 16550A UART, registers one byte apart. Cites the PC16550D data sheet (June 1995).
import type { Bytes, IrqLine, MmioRegion } from './ports.ts';

/** §8.5: the receiver FIFO holds 16 characters. */
const fifoDepth = 16;
/** Characters that may wait on the host's side before `receive` takes no more. */
const waitingCapacity = 64 * 1024;
const outputCapacity = 4096;

/** Register offsets (§8.0, table II). Some have another meaning while LCR.DLAB is set, or when written. */
const register = { data: 0, ier: 1, iirFcr: 2, lcr: 3, mcr: 4, lsr: 5, msr: 6, scr: 7 } as const;

const ier = { received: 0x01, transmitterEmpty: 0x02, lineStatus: 0x04, modemStatus: 0x08, mask: 0x0f } as const;
const fcr = { enable: 0x01, clearReceiver: 0x02, triggerMask: 0xc0 } as const;
const lcr = { dlab: 0x80 } as const;
const mcr = { rts: 0x02, loop: 0x10, mask: 0x1f } as const;
const lsr = { dataReady: 0x01, overrun: 0x02, transmitterEmpty: 0x60 } as const;

/** §8.6, table V: what IIR says, in falling priority. */
const cause = {
  lineStatus: 0x06,
  received: 0x04,
  timeout: 0x0c,
  transmitterEmpty: 0x02,
  modemStatus: 0x00,
  none: 0x01,
} as const;
const iirFifosEnabled = 0xc0;

/** §8.5: FCR bits 7..6 choose how many characters raise the received-data interrupt. */
const triggerLevels = [1, 4, 8, 14] as const;

/** CTS, DSR and DCD asserted: the host's side is always there. */
const hostModemLines = 0xb0;

/** What the guest's registers show and depend on. */
interface UartRegisters {
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  scr: number;
  /** Divisor latch, DLM in the high byte. */
  divisor: number;
  /** The four delta bits of MSR. */
  modemDeltas: number;
  overrun: boolean;
  /** The transmitter became empty and IIR has not told it yet. */
  transmitterEmptied: boolean;
  /** RTS was asserted once, so that its absence now means: send nothing. A guest that never touches it still hears. */
  flowControlled: boolean;
  /** The receiver FIFO, oldest character first. */
  fifo: number[];
}

/** All that a UART remembers; plain data. */
export interface UartState extends UartRegisters {
  /** Characters that the host has sent and the FIFO had no room for. */
  waiting: Uint8Array<ArrayBuffer>;
}

export interface UartOptions {
  irq: IrqLine;
  /** Given what the guest has sent since the last call; the bytes are the receiver's to keep. */
  onOutput: (bytes: Bytes) => void;
  /** Called when `receive` refused bytes and half of its room is free again. */
  onInputRoom?: () => void;
}

/** Sending takes no time: the transmitter is empty whenever the guest looks. */
export class Uart implements MmioRegion {
  readonly name = 'uart';
  readonly size = 0x100;
  readonly #state: UartRegisters = {
    ier: 0,
    fcr: 0,
    lcr: 0,
    mcr: 0,
    scr: 0,
    divisor: 0,
    modemDeltas: 0,
    overrun: false,
    transmitterEmptied: false,
    flowControlled: false,
    fifo: [],
  };
  readonly #irq: IrqLine;
  readonly #onOutput: (bytes: Bytes) => void;
  readonly #onInputRoom: () => void;
  readonly #output = new Uint8Array(outputCapacity);
  #outputLength = 0;
  /** Ring of characters that the guest's FIFO has no room for yet. */
  readonly #waiting = new Uint8Array(waitingCapacity);
  #waitingHead = 0;
  #waitingLength = 0;
  #refused = false;

  constructor({ irq, onOutput, onInputRoom = () => undefined }: UartOptions) {
    this.#irq = irq;
    this.#onOutput = onOutput;
    this.#onInputRoom = onInputRoom;
  }

  /** The record for a snapshot, copied. What the guest has sent is in none: `flush` comes first. */
  get state(): UartState {
    const waiting = new Uint8Array(this.#waitingLength);
    for (let i = 0; i < waiting.length; i++) {
      waiting[i] = this.#waiting[(this.#waitingHead + i) % waitingCapacity] ?? 0;
    }
    return { ...this.#state, fifo: [...this.#state.fifo], waiting };
  }

  /** Throws RangeError for a record with more characters than there is room for. */
  set state({ waiting, fifo, ...registers }: UartState) {
    this.#waiting.set(waiting);
    this.#waitingHead = 0;
    this.#waitingLength = waiting.length;
    Object.assign(this.#state, registers);
    this.#state.fifo = fifo.slice(0, fifoDepth);
    this.#update();
  }

  /**
   * Characters from the host for the guest. Returns how many were taken, counted from the start; when it is less than
   * all, `onInputRoom` tells when to offer the rest. None is ever lost for lack of room in the guest's FIFO.
   */
  receive(bytes: Bytes): number {
    const taken = Math.min(bytes.length, waitingCapacity - this.#waitingLength);
    for (let i = 0; i < taken; i++) {
      this.#waiting[(this.#waitingHead + this.#waitingLength + i) % waitingCapacity] = bytes[i] ?? 0;
    }
    this.#waitingLength += taken;
    if (taken < bytes.length) this.#refused = true;
    this.#refillFifo();
    this.#update();
    return taken;
  }

  /** Moves received characters to `target` past the registers, as a firmware's console does. Returns how many. */
  take(target: Bytes): number {
    let count = 0;
    while (count < target.length) {
      const character = this.#state.fifo.shift();
      if (character === undefined) break;
      target[count++] = character;
      this.#refillFifo();
    }
    this.#update();
    return count;
  }

  /** Sends bytes past the registers, in order with what the guest sends through them, as a firmware's console does. */
  transmit(bytes: Bytes): void {
    for (const byte of bytes) this.#send(byte);
  }

  /** Hands what was sent to `onOutput` now. The machine calls it at the end of every slice. */
  flush(): void {
    if (this.#outputLength === 0) return;
    const bytes = this.#output.slice(0, this.#outputLength);
    this.#outputLength = 0;
    this.#onOutput(bytes);
  }

  read(offset: number): number {
    const state = this.#state;
    switch (offset) {
      case register.data:
        return this.#latchesOpen() ? state.divisor & 0xff : this.#readCharacter();
      case register.ier:
        return this.#latchesOpen() ? state.divisor >> 8 : state.ier;
      case register.iirFcr:
        return this.#readIir();
      case register.lcr:
        return state.lcr;
      case register.mcr:
        return state.mcr;
      case register.lsr:
        return this.#readLsr();
      case register.msr:
        return this.#readMsr();
      case register.scr:
        return state.scr;
      default:
        return 0;
    }
  }

  write(offset: number, _size: 1 | 2 | 4, value: number): void {
    const state = this.#state;
    const byte = value & 0xff;
    switch (offset) {
      case register.data:
        if (this.#latchesOpen()) state.divisor = (state.divisor & 0xff00) | byte;
        else this.#writeCharacter(byte);
        break;
      case register.ier:
        if (this.#latchesOpen()) state.divisor = (state.divisor & 0xff) | (byte << 8);
        else this.#writeIer(byte & ier.mask);
        break;
      case register.iirFcr:
        this.#writeFcr(byte);
        break;
      case register.lcr:
        state.lcr = byte;
        break;
      case register.mcr:
        this.#writeMcr(byte & mcr.mask);
        break;
      case register.scr:
        state.scr = byte;
        break;
      default: // §8.4, §8.9: LSR and MSR are for reading; there is nothing behind SCR
    }
  }

  #latchesOpen(): boolean {
    return (this.#state.lcr & lcr.dlab) !== 0;
  }

  #looped(): boolean {
    return (this.#state.mcr & mcr.loop) !== 0;
  }

  #fifosEnabled(): boolean {
    return (this.#state.fcr & fcr.enable) !== 0;
  }

  #readCharacter(): number {
    const character = this.#state.fifo.shift() ?? 0;
    this.#refillFifo();
    this.#update();
    return character;
  }

  #writeCharacter(byte: number): void {
    if (this.#looped()) this.#receiveLooped(byte);
    else this.#send(byte);
    this.#state.transmitterEmptied = true;
    this.#update();
  }

  #writeIer(value: number): void {
    const state = this.#state;
    const changed = state.ier ^ value;
    state.ier = value;
    // §8.11: enabling the interrupt while the transmitter is empty raises it at once.
    if ((changed & ier.transmitterEmpty) !== 0) state.transmitterEmptied = (value & ier.transmitterEmpty) !== 0;
    this.#update();
  }

  #readIir(): number {
    const source = this.#cause();
    if (source === cause.transmitterEmpty) {
      // Table V: reading IIR resets this cause, if it is the one that was read.
      this.#state.transmitterEmptied = false;
      this.#update();
    }
    return this.#fifosEnabled() ? source | iirFifosEnabled : source;
  }

  #writeFcr(value: number): void {
    const state = this.#state;
    const switched = ((state.fcr ^ value) & fcr.enable) !== 0;
    // §8.5: the other bits are programmed only while bit 0 is written as 1; switching modes clears the FIFOs.
    if ((value & fcr.enable) === 0) state.fcr = 0;
    else state.fcr = value & (fcr.enable | fcr.triggerMask);
    if (switched || (value & (fcr.enable | fcr.clearReceiver)) === (fcr.enable | fcr.clearReceiver)) {
      state.fifo.length = 0;
      this.#refillFifo();
    }
    this.#update();
  }

  #writeMcr(value: number): void {
    const state = this.#state;
    const before = this.#modemLines();
    state.mcr = value;
    if ((value & mcr.rts) !== 0) state.flowControlled = true;
    const after = this.#modemLines();
    const changed = (before ^ after) >> 4;
    // §8.9: DCTS, DDSR and DDCD tell of any change, TERI only of RI going away.
    const ringEnded = (before & ~after & 0x40) >> 4;
    state.modemDeltas |= (changed & 0x0b) | ringEnded;
    this.#refillFifo();
    this.#update();
  }

  #readLsr(): number {
    const state = this.#state;
    const status =
      lsr.transmitterEmpty | (state.fifo.length > 0 ? lsr.dataReady : 0) | (state.overrun ? lsr.overrun : 0);
    // §8.4: reading LSR resets the error.
    if (state.overrun) {
      state.overrun = false;
      this.#update();
    }
    return status;
  }

  #readMsr(): number {
    const status = this.#modemLines() | this.#state.modemDeltas;
    if (this.#state.modemDeltas !== 0) {
      this.#state.modemDeltas = 0;
      this.#update();
    }
    return status;
  }

  /** CTS, DSR, RI and DCD in bits 4 to 7. §8.8: in the loop they are RTS, DTR, OUT1 and OUT2. */
  #modemLines(): number {
    if (!this.#looped()) return hostModemLines;
    const { mcr: control } = this.#state;
    return ((control & 0x02) << 3) | ((control & 0x01) << 5) | ((control & 0x0c) << 4);
  }

  #send(byte: number): void {
    this.#output[this.#outputLength++] = byte;
    if (this.#outputLength === outputCapacity) this.flush();
  }

  #receiveLooped(byte: number): void {
    const state = this.#state;
    if (state.fifo.length < this.#depth()) {
      state.fifo.push(byte);
      return;
    }
    state.overrun = true;
    // §8.4: with FIFOs the new character is lost, without them it replaces the old one.
    if (!this.#fifosEnabled()) state.fifo[0] = byte;
  }

  #depth(): number {
    return this.#fifosEnabled() ? fifoDepth : 1;
  }

  #refillFifo(): void {
    const state = this.#state;
    // §8.8: in the loop the receiver does not hear the line.
    if (this.#waitingLength === 0 || this.#looped()) return;
    if (state.flowControlled && (state.mcr & mcr.rts) === 0) return;
    while (state.fifo.length < this.#depth() && this.#waitingLength > 0) {
      state.fifo.push(this.#waiting[this.#waitingHead] ?? 0);
      this.#waitingHead = (this.#waitingHead + 1) % waitingCapacity;
      this.#waitingLength--;
    }
    if (this.#refused && this.#waitingLength <= waitingCapacity / 2) {
      this.#refused = false;
      this.#onInputRoom();
    }
  }

  #cause(): number {
    const state = this.#state;
    if ((state.ier & ier.lineStatus) !== 0 && state.overrun) return cause.lineStatus;
    if ((state.ier & ier.received) !== 0 && state.fifo.length > 0) {
      // §8.11: fewer characters than the trigger level are told after four silent character times. Characters take no
      // time here, and the FIFO is below its level only when nothing more has come: the silence is already over.
      return this.#fifosEnabled() && state.fifo.length < this.#triggerLevel() ? cause.timeout : cause.received;
    }
    if ((state.ier & ier.transmitterEmpty) !== 0 && state.transmitterEmptied) return cause.transmitterEmpty;
    if ((state.ier & ier.modemStatus) !== 0 && state.modemDeltas !== 0) return cause.modemStatus;
    return cause.none;
  }

  #triggerLevel(): number {
    return triggerLevels[this.#state.fcr >> 6] ?? 1;
  }

  #update(): void {
    this.#irq.set(this.#cause() !== cause.none);
  }
}
