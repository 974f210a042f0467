// What a hart has made of its options and of RAM, kept only where it comes back to the program that made it: in the cache of booted
// machines (start-cache.ts). Of a file that anybody may have written nothing is run.
import { restoreDecoded, saveDecoded, type DecodedState } from '../cpu/riscv/decoded-state.ts';
import type { Hart } from '../cpu/riscv/hart.ts';
import type { Sections } from './container.ts';
import { checkShape } from './plain.ts';

export interface WarmHart extends DecodedState {
  readonly interpreter: Uint8Array<ArrayBuffer>;
}

const name = 'warm';
const words = new Int32Array(0);
const example: WarmHart = { interpreter: new Uint8Array(0), pages: words, counts: words, runs: words, entries: words };

/** The section, by its name. */
export function saveWarm({ interpreter, pages, registers }: Hart): Readonly<Record<string, object>> {
  return { [name]: { interpreter, ...saveDecoded(pages, registers) } satisfies WarmHart };
}

/** Of a snapshot that this program has written itself; undefined where none was kept. Throws SnapshotError 'bad-file'. */
export function readWarm(file: Sections): WarmHart | undefined {
  if (!file.names.includes(name)) return undefined;
  const warm = file.plain(name);
  checkShape(warm, example, `section ${name}`);
  return warm as WarmHart;
}

/** For a hart that is otherwise as it was. */
export function warmUp({ pages, registers }: Hart, warm: WarmHart): void {
  restoreDecoded(pages, registers, warm);
}
