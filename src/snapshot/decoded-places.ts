// Where a hart had decoded code, in a snapshot: not what it had made of it, which nobody's file is followed in. So a machine that
// goes on from it can decode again before it is asked to.
import { decodedPages, pageSize } from '../cpu/riscv/layout.ts';
import { placesBytes, type DecodedPlaces } from '../cpu/riscv/decoded-state.ts';
import type { Sections } from './container.ts';
import { checkShape } from './plain.ts';
import { damaged } from './snapshot-error.ts';

const name = 'decoded';

/** Of RAM of so many bytes. Undefined where the snapshot does not say. Throws SnapshotError 'bad-file'. */
export function readDecodedPlaces(file: Sections, ramBytes: number): DecodedPlaces | undefined {
  if (!file.names.includes(name)) return undefined;
  const what = `section ${name}`;
  const value = file.plain(name);
  checkShape(value, { pages: new Int32Array(0), places: new Uint8Array(0) }, what);
  const { pages, places } = value as DecodedPlaces;
  const areInRam = pages.every((page) => page >= 0 && page < ramBytes / pageSize);
  if (!areInRam || pages.length > decodedPages || places.length !== pages.length * placesBytes) throw damaged(what);
  return { pages, places };
}
