// An access of a run (access-runs.ts), twice: where the run lies in one page that the translation cache knows, and where
// that is not so.
import type { AccessSize } from '../ops.ts';
import { op } from '../../wasm/module.ts';
import type { Label, Local } from '../../wasm/module.ts';
import type { AccessRun } from './access-runs.ts';
import type { Decoded } from './decoder.ts';
import { TranslatorOps } from './translator-ops.ts';
import type { InstructionExits, RegionFrame } from './translator-ops.ts';
import { emitted } from './wasm-ops.ts';
import type { Emitted } from './wasm-ops.ts';

/** Looks once for the whole run. */
export class RunOps extends TranslatorOps {
  readonly #frame: RegionFrame;
  /** The place in memory of the lowest byte of the run. */
  #place: Local;
  #displacement = 0;

  /** `first` is any instruction, until `emitAt` names one. */
  constructor(frame: RegionFrame, exits: InstructionExits, first: Decoded) {
    super(frame, exits, first);
    this.#frame = frame;
    this.#place = frame.readCache;
  }

  /** Emits the look: where the run is not in one page that the cache knows, it goes on at a label. */
  emitLook({ kind, base, from, span }: AccessRun, place: Local, otherwise: Label): void {
    this.code.get(this.#frame.x(base)).i64Const(from).op(op.i64_add);
    const { offset, slot } = this.translate(kind, span);
    this.code.brIfUnlikely(otherwise);
    this.emitPlace(offset, slot);
    this.code.set(place);
  }

  /** Emits an access whose run has its lowest byte, `run.from` from the base register, at a place in memory. */
  emitAt(decoded: Decoded, offset: number, run: AccessRun, place: Local): void {
    this.#place = place;
    this.#displacement = decoded.imm - run.from;
    this.emit(decoded, offset);
  }

  // The sum of base register and immediate is the place and a displacement that the access itself has room for.
  override x(field: 'rs1' | 'rs2'): Emitted {
    if (field !== 'rs1') return super.x(field);
    this.code.get(this.#place);
    return emitted;
  }

  override imm(): Emitted {
    return emitted;
  }

  override add(): Emitted {
    return emitted;
  }

  override load(_place: Emitted, size: AccessSize, extension: 'signed' | 'unsigned'): Emitted {
    this.emitLoad(size, extension, this.#displacement);
    return emitted;
  }

  override store(_place: Emitted, _value: Emitted, size: AccessSize): void {
    this.emitStore(size, this.#displacement);
  }
}
