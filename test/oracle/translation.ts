// The RISC-V Instruction Set Manual, Volume II (20240411), §10.3.2, §10.4 and §10.5, for the reference hart: a walk for every
// access, without memory of the last.
import type { ReferenceMemory } from './memory.ts';
import type { Access, ReferencePmp } from './pmp.ts';

/** What a translation depends on. */
export interface TranslationState {
  readonly satp: bigint;
  /** The mode that counts for this access: 0, 1 or 3. */
  readonly mode: number;
  readonly sum: boolean;
  readonly mxr: boolean;
  /** Accessed and dirty bits are set by who handles the page fault (Svade). */
  readonly bitsFault?: boolean;
}

export type Translation = { readonly physical: bigint } | { readonly fault: 'page' | 'access' };

const pageFault: Translation = { fault: 'page' };
const accessFault: Translation = { fault: 'access' };

export function translate(
  address: bigint,
  access: Access,
  state: TranslationState,
  memory: ReferenceMemory,
  pmp: ReferencePmp,
): Translation {
  const translated = state.mode !== 3 && state.satp >> 60n !== 0n;
  const found = translated ? walk(address, access, state, memory, pmp) : { physical: address };
  if ('fault' in found) return found;
  if (found.physical >> 56n !== 0n) return accessFault;
  return pmp.allows(found.physical, access, state.mode) ? found : accessFault;
}

function walk(
  address: bigint,
  access: Access,
  { satp, mode, sum, mxr, bitsFault }: TranslationState,
  memory: ReferenceMemory,
  pmp: ReferencePmp,
): Translation {
  const levels = satp >> 60n === 9n ? 4n : 3n;
  if (BigInt.asIntN(Number(12n + 9n * levels), address) !== BigInt.asIntN(64, address)) return pageFault;
  let table = (satp & ((1n << 44n) - 1n)) << 12n;
  for (let level = levels - 1n; level >= 0n; level -= 1n) {
    const entryAddress = table + ((address >> (12n + 9n * level)) & 0x1ffn) * 8n;
    if (!memory.contains(entryAddress, 8) || !pmp.allows(entryAddress, 'load', 1)) return accessFault;
    const entry = memory.read(entryAddress, 8);
    const has = (bit: bigint): boolean => ((entry >> bit) & 1n) === 1n;
    const [valid, readable, writable, executable, user, accessed, dirty] = [
      has(0n),
      has(1n),
      has(2n),
      has(3n),
      has(4n),
      has(6n),
      has(7n),
    ];
    if (!valid || (writable && !readable) || entry >> 54n !== 0n) return pageFault;
    const page = (entry >> 10n) & ((1n << 44n) - 1n);
    if (!readable && !executable) {
      if (user || accessed || dirty) return pageFault;
      table = page << 12n;
      continue;
    }
    const ofMode = mode === 0 ? user : !user || (sum && access !== 'fetch');
    const granted = access === 'fetch' ? executable : access === 'store' ? writable : readable || (mxr && executable);
    const low = (1n << (9n * level)) - 1n;
    if (!ofMode || !granted || (page & low) !== 0n) return pageFault;
    const marked = entry | (1n << 6n) | (access === 'store' ? 1n << 7n : 0n);
    if (marked !== entry) {
      if (bitsFault === true) return pageFault;
      if (!pmp.allows(entryAddress, 'store', 1)) return accessFault;
      memory.write(entryAddress, 8, marked);
    }
    const physicalPage = page | ((address >> 12n) & low);
    return { physical: (physicalPage << 12n) | (address & 0xfffn) };
  }
  return pageFault;
}
