// The page walk of Sv39 and Sv48 as WebAssembly, for what happens all the time: a load or store of S- or U-mode whose page
// is there, in RAM, with A and D set. What is not so is `Mmu`'s, which knows the rest. The RISC-V Instruction Set Manual, Volume II
// (20240411), §10.3.2, §10.4.1 and §10.5.1.
import { Emitter } from '../float/emitter.ts';
import type { Operand } from '../float/emitter.ts';
import { memoryOp, op, valueType } from '../../wasm/module.ts';
import type { Callable, Code, ModuleBuilder } from '../../wasm/module.ts';
import type { Accesses, HartAccesses } from './interpreter-ops.ts';
import {
  at,
  gigabyteBits,
  lastFilled,
  pageFlags,
  pageFlagsAt,
  pageSize,
  ramOffset,
  slotFields,
  slotMask,
} from './layout.ts';
import { fourLevels, pte } from './mmu.ts';
import type { RamRange } from './mmu.ts';
import { mstatus } from './registers.ts';
import { stores } from './wasm-ops.ts';

const { i32, i64 } = valueType;

/** What is called where the caches do not know a page: walks, and leaves to `hart` what the walk has not found. */
export function defineAccesses(module: ModuleBuilder, hart: HartAccesses, ram: RamRange): Accesses {
  const walk = defineWalk(module, ram);
  return {
    load: defineLoad(module, walk, hart.load),
    store: defineStore(module, walk, hart.store),
    atomic: defineAtomic(module, walk, hart.atomic),
  };
}

function defineLoad(module: ModuleBuilder, walk: Callable, hart: Callable): Callable {
  const code = module.function([i64, i32], [i32]);
  const place = code.i32();
  emitWalk(code, walk, () => code.i32Const(0))
    .tee(place)
    .op(op.i32_eqz)
    .if();
  emitHalves(code).get(code.parameter(1)).call(hart).if();
  code.i32Const(0).return().end();
  return code.i32Const(at.transfer).set(place).end().get(place);
}

function defineStore(module: ModuleBuilder, walk: Callable, hart: Callable): Callable {
  const code = module.function([i64, i32, i64, i32], [i32]);
  const size = code.parameter(1);
  const value = code.parameter(2);
  const place = code.i32();
  emitWalk(code, walk, () => code.i32Const(1))
    .tee(place)
    .if();
  for (const bytes of [1, 2, 4, 8] as const) {
    code.get(size).i32Const(bytes).op(op.i32_eq).if();
    code.get(place).get(value).memory(stores[bytes]).end();
  }
  code.i32Const(0).return().end();
  code.i32Const(0).get(value).memory(memoryOp.i64_store, at.transfer);
  return emitHalves(code).get(size).get(code.parameter(3)).call(hart);
}

function defineAtomic(module: ModuleBuilder, walk: Callable, hart: Callable): Callable {
  const code = module.function([i64, i32, i32], [i32]);
  const size = code.parameter(1);
  const kind = code.parameter(2);
  const place = code.i32();
  code
    .get(code.parameter(0))
    .op(op.i32_wrap_i64)
    .get(size)
    .i32Const(1)
    .op(op.i32_sub)
    .op(op.i32_and)
    .op(op.i32_eqz)
    .if();
  emitWalk(code, walk, () => code.get(kind))
    .tee(place)
    .if();
  code.get(place).return().end().end();
  return emitHalves(code).get(size).get(kind).call(hart);
}

/** Leaves the place of the access that the function's first parameters are about. */
function emitWalk(code: Code, walk: Callable, emitIsStore: () => void): Code {
  code.get(code.parameter(0)).get(code.parameter(1));
  emitIsStore();
  return code.call(walk).op(op.i32_wrap_i64);
}

/** Leaves the two halves of the function's first parameter. */
function emitHalves(code: Code): Code {
  const address = code.parameter(0);
  return code.get(address).op(op.i32_wrap_i64).get(address).i64Const(32).op(op.i64_shr_u).op(op.i32_wrap_i64);
}

/**
 * (address, size, whether it is a store) -> the place in memory of an access that the caches for reads or writes did not
 * know and now do; 0 where somebody else has to see to it.
 */
function defineWalk(module: ModuleBuilder, ram: RamRange): Callable {
  const emit = new Emitter(module);
  const { i32, i64 } = emit;
  const refuse = (condition: Operand<'i32'>): void => emit.if(condition, () => emit.return(0n));
  return emit.function(['i64', 'i32', 'i32'], (address, size, isStore) => {
    const low = emit.let(i32.wrap_i64(address));
    refuse(i32.gt_u(i32.and(low, pageSize - 1), i32.sub(pageSize, size)));
    const table = emit.let(emit.load(at.walkRoot));
    refuse(i32.eqz(table));
    const refuseUnless = (bits: bigint): void => {
      refuse(i64.ne(i64.shr_s(i64.shl(address, 64n - bits), 64n - bits), address));
    };
    const open = emit.let(emit.load(at.walkOpen));
    const flags = emit.variable('i32');
    const page = emit.variable('i32');
    const enterTable = (): void => {
      // §10.3.1: in a pointer to the next level A, D and U are reserved, and without R, W and X it is one.
      refuse(i32.or(i32.ne(i32.and(flags, 0xff & ~pte.g), pte.v), i32.lt_u(page, open)));
      emit.set(table, i32.add(i32.shl(page, 12), ramOffset));
    };
    const look = (level: number): void => {
      const number =
        level < 2 ? i32.shr_u(low, 12 + 9 * level) : i32.wrap_i64(i64.shr_u(address, BigInt(12 + 9 * level)));
      const place = i32.add(i32.shl(i32.and(number, 511), 3), table);
      const entry = emit.let(emit.loadAt('i64', memoryOp.i64_load, place));
      // With reserved bits it is beyond all RAM.
      const frame = emit.let(i64.sub(i64.shr_u(entry, 10n), BigInt(ram.base / pageSize)));
      refuse(i64.ge_u(frame, BigInt(ram.bytes / pageSize)));
      emit.set(flags, i32.wrap_i64(entry));
      emit.set(page, i32.wrap_i64(frame));
    };
    const step = (level: number): void => {
      look(level);
      if (level === 0) return;
      const pages = 2 ** (9 * level);
      emit.if(
        i32.and(flags, pte.r | pte.x),
        () => {
          refuse(i32.and(i32.shr_u(flags, 10), pages - 1));
          // A fence must find all pieces: where none of this size has been noted, `TranslationCaches` notes the first.
          const whole = emit.let(
            i32.and(i32.wrap_i64(i64.shr_u(address, BigInt(12 + 9 * level))), 2 ** (27 - 9 * level) - 1),
          );
          const bits = at.superpages + (level === 2 ? gigabyteBits / 8 : 0);
          const noted = emit.loadAt('i32', memoryOp.i32_load8_u, i32.shr_u(whole, 3), bits);
          refuse(i32.eqz(i32.and(i32.shr_u(noted, i32.and(whole, 7)), 1)));
          emit.set(page, i32.add(page, i32.and(i32.shr_u(low, 12), pages - 1)));
          refuse(i32.ge_u(page, ram.bytes / pageSize));
        },
        () => {
          enterTable();
          step(level - 1);
        },
      );
    };
    emit.if(
      i32.and(table, fourLevels),
      () => {
        // §10.5.1: bits 63 to 48 are all equal to bit 47. A page of 512 GiB is for `Mmu`.
        refuseUnless(48n);
        emit.set(table, i32.sub(table, fourLevels));
        look(3);
        enterTable();
      },
      // §10.4.1: bits 63 to 39 are all equal to bit 38.
      () => refuseUnless(39n),
    );
    step(2);
    const always = pte.v | pte.r | pte.a;
    const needed = emit.let(i32.select(always | pte.w | pte.d, always, isStore));
    refuse(i32.or(i32.ne(i32.and(flags, needed), needed), i32.lt_u(page, open)));
    // What only some address spaces have the supervisor's caches do not take.
    const isUsers = emit.let(i32.and(flags, pte.u));
    const isOpen = (): Operand<'i32'> =>
      i32.choose(
        isUsers,
        () => i32.and(emit.load(at.mstatus), mstatus.sum),
        () => i32.and(flags, pte.g),
      );
    refuse(i32.eqz(i32.choose(emit.load(at.privilege), isOpen, () => isUsers)));
    emit.if(isStore, () => {
      refuse(i32.eq(emit.loadAt('i32', memoryOp.i32_load8_u, page, pageFlagsAt), pageFlags.code));
      emit.storeAt(memoryOp.i32_store8, page, pageFlags.written, pageFlagsAt);
    });
    emit.storeAt(memoryOp.i64_store, 0, i64.add(emit.loadAt('i64', memoryOp.i64_load, 0, at.walks), 1n), at.walks);
    const cache = emit.let(emit.loadAt('i32', memoryOp.i32_load, i32.shl(isStore, 2), at.readCache));
    const slot = emit.let(i32.add(i32.and(i32.shr_u(low, 8), slotMask), cache));
    emit.if(i32.eqz(emit.loadAt('i32', memoryOp.i32_load, slot, slotFields.filled)), () => {
      emit.storeAt(
        memoryOp.i32_store,
        slot,
        emit.loadAt('i32', memoryOp.i32_load, cache, lastFilled),
        slotFields.filled,
      );
      emit.storeAt(memoryOp.i32_store, cache, slot, lastFilled);
    });
    const place = emit.let(i32.add(i32.shl(page, 12), ramOffset));
    emit.storeAt(memoryOp.i64_store, slot, i64.and(address, BigInt(-pageSize)));
    emit.storeAt(memoryOp.i32_store, slot, place, slotFields.place);
    return i64.extend_i32_u(i32.or(i32.and(low, pageSize - 1), place));
  });
}
