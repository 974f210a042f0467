// What a reset makes anew: the hart, the interrupt controllers and the bus between them, for one life of the guest.
import { Clint } from '../devices/clint.ts';
import type { GuestMemory } from '../devices/guest-memory.ts';
import { Plic } from '../devices/plic.ts';
import type { IrqLine } from '../devices/ports.ts';
import { Rtc } from '../devices/rtc.ts';
import { TestFinisher } from '../devices/test-finisher.ts';
import type { Finish } from '../devices/test-finisher.ts';
import type { Uart } from '../devices/uart.ts';
import { board } from './board.ts';
import type { EntryState, MachineEntry, SupervisorEntry } from './boot.ts';
import { Bus } from './bus.ts';
import { csrAt } from './cpu/riscv/csr-layout.ts';
import { interrupt } from './cpu/riscv/csr.ts';
import type { HartFeatures } from './cpu/riscv/features.ts';
import { Hart } from './cpu/riscv/hart.ts';
import { defaultHotAfter } from './cpu/riscv/interpreter.ts';
import { at } from './cpu/riscv/layout.ts';
import { privilege } from './cpu/riscv/registers.ts';
import { firmwareHart } from './hart-firmware.ts';
import { HostClock, InstructionClock } from './machine-clock.ts';
import type { MachineClock } from './machine-clock.ts';
import type { Host } from './host.ts';
import type { ResetRom } from './reset-rom.ts';
import type { CpuEngine } from './worker-protocol.ts';
import { Sbi } from './sbi.ts';
import type { SystemReset } from './sbi.ts';
import type { PlacedRegion } from './virtio-slots.ts';

export interface CoreOptions {
  readonly host: Host;
  readonly clock: 'host' | 'icount';
  readonly cpu: CpuEngine;
  readonly features: HartFeatures;
  /** As in HartOptions. */
  readonly interpreter: Uint8Array<ArrayBuffer> | undefined;
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly ram: GuestMemory;
  /** Calls from S-mode are answered by code in M-mode; else the machine answers them. */
  readonly hasFirmware: boolean;
  readonly uart: Uart;
  /** What the virtio devices are plugged into. */
  readonly virtio: readonly PlacedRegion[];
  readonly onReset: (reset: SystemReset) => void;
  readonly onFinish: (finish: Finish) => void;
  /** An interrupt line went up: a wait may be over. */
  readonly onInterrupt: () => void;
}

export class MachineCore {
  readonly hart: Hart;
  readonly clint: Clint;
  readonly plic: Plic;
  readonly rtc: Rtc;
  readonly clock: MachineClock;
  readonly #bus = new Bus();
  readonly sbi: Sbi;
  /** What a firmware reads of the machine; without one there is no ROM. */
  #rom: ResetRom | undefined;

  constructor(options: CoreOptions) {
    const { host, memory, shared, ram, uart } = options;
    const bus = this.#bus;
    this.hart = new Hart({
      id: 0,
      memory,
      shared,
      ram: { base: ram.base, bytes: ram.length },
      bus,
      features: options.features,
      ...(options.interpreter !== undefined && { interpreter: options.interpreter }),
      ...(options.cpu === 'translator' && { hotAfter: defaultHotAfter }),
      ticks: () => this.clint.time(),
      ...(!options.hasFirmware && { onSupervisorCall: () => this.sbi.call(firmware) }),
    });
    const { hart } = this;
    this.clock = options.clock === 'host' ? new HostClock(host) : new InstructionClock(() => hart.retired());
    const line = (code: number): IrqLine => ({
      set: (asserted) => {
        hart.setLine(code, asserted);
        if (asserted) options.onInterrupt();
      },
    });
    this.clint = new Clint({
      clock: this.clock,
      harts: [{ software: line(interrupt.machineSoftware), timer: line(interrupt.machineTimer) }],
    });
    this.plic = new Plic([
      { machine: line(interrupt.machineExternal), supervisor: line(interrupt.supervisorExternal) },
    ]);
    this.rtc = new Rtc({ clock: this.clock, irq: this.plic.source(board.rtc.irq) });
    const firmware = firmwareHart(hart);
    this.sbi = new Sbi({ harts: [firmware], memory: ram, console: uart, onReset: options.onReset });

    bus.attach(board.testFinisher.base, new TestFinisher(options.onFinish));
    bus.attach(board.rtc.base, this.rtc);
    bus.attach(board.clint.base, this.clint);
    bus.attach(board.plic.base, this.plic);
    bus.attach(board.uart.base, uart);
    for (const { base, region } of options.virtio) bus.attach(base, region);
  }

  /** What the virtio devices are plugged into, after another was. */
  plugged(virtio: readonly PlacedRegion[]): void {
    for (const { base, region } of virtio) this.#bus.replace(base, region);
  }

  /** Puts the hart where a firmware would leave it, or where it begins. */
  enter(entry: EntryState): void {
    const { registers } = this.hart;
    registers.setNumber(at.pc, entry.pc);
    registers.setX(10, BigInt(entry.a0));
    registers.setX(11, BigInt(entry.a1));
    if (entry.mode === 'supervisor') this.#enterSupervisor(entry.csrs);
    else this.#enterMachine(entry);
    this.hart.stateChanged();
  }

  #enterSupervisor(csrs: SupervisorEntry['csrs']): void {
    const { registers, mmu } = this.hart;
    registers.set(csrAt.medeleg, Number(csrs.medeleg), 0);
    registers.set(csrAt.mideleg, Number(csrs.mideleg), 0);
    registers.set(csrAt.mcounteren, Number(csrs.mcounteren), 0);
    registers.set(csrAt.scounteren, Number(csrs.scounteren), 0);
    registers.set(csrAt.menvcfg, 0, registers.high(csrAt.menvcfg) | Number(csrs.menvcfg >> 32n));
    mmu.pmp.setAddress(0, csrs.pmpaddr0);
    mmu.pmp.setConfiguration(0, Number(csrs.pmpcfg0));
    registers.record.privilege = privilege.supervisor;
  }

  #enterMachine({ pc, a2, rom }: MachineEntry): void {
    this.rom = rom;
    // What the ROM's code has jumped by.
    this.hart.registers.setX(5, BigInt(pc));
    this.hart.registers.setX(12, BigInt(a2));
  }

  get rom(): ResetRom | undefined {
    return this.#rom;
  }

  /** Once. */
  set rom(rom: ResetRom) {
    this.#rom = rom;
    this.#bus.attach(board.resetRom.base, rom);
  }

  updateTimers(): void {
    this.clint.update();
    this.rtc.update();
    this.hart.checkTimer();
  }

  /** The clock's tick of the next timer interrupt. */
  nextDeadline(): number {
    return Math.min(this.clint.nextEvent(), this.rtc.nextEvent(), this.hart.timerDeadline());
  }
}
