// Devicetree Specification v0.4: §5, the flattened format, version 17.

/** A property's value, as the blob holds it: `cells`, `strings` and `empty` make one. */
export type PropertyValue = Uint8Array<ArrayBufferLike>;

export interface DeviceNode {
  /** With its unit address, as in `serial@10000000`; the root's is empty. */
  readonly name: string;
  readonly properties?: Readonly<Record<string, PropertyValue>>;
  readonly children?: readonly DeviceNode[];
}

/** §2.2.4.1: a property that says something by being there. */
export const empty: PropertyValue = new Uint8Array(0);

/** Unsigned 32-bit cells, big endian. */
export function cells(...values: readonly number[]): PropertyValue {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(4 * index, value);
  return bytes;
}

/** Addresses and lengths as two cells each. */
export function longs(...values: readonly number[]): PropertyValue {
  return cells(...values.flatMap((value) => [Math.floor(value / 2 ** 32), value % 2 ** 32]));
}

/** One string, or a list of strings, each ended by a zero byte. */
export function strings(...values: readonly string[]): PropertyValue {
  return new TextEncoder().encode(values.map((value) => `${value}\0`).join(''));
}

const header = { magic: 0xd00d_feed, length: 40, version: 17, lastCompatibleVersion: 16 } as const;
const token = { beginNode: 1, endNode: 2, property: 3, end: 9 } as const;
/** §5.3: the block of memory reservations, here only its last entry. */
const reservationsLength = 16;

/** The tree as a blob, whose length is a multiple of 8. */
export function flattenDeviceTree(root: DeviceNode): Uint8Array<ArrayBuffer> {
  const structure: PropertyValue[] = [];
  const names = new StringTable();
  writeNode(root, structure, names);
  structure.push(cells(token.end));

  const structureLength = total(structure);
  const structureStart = header.length + reservationsLength;
  const stringsStart = structureStart + structureLength;
  const blob = new Uint8Array((stringsStart + names.length + 7) & ~7);
  blob.set(
    cells(
      header.magic,
      blob.length,
      structureStart,
      stringsStart,
      header.length,
      header.version,
      header.lastCompatibleVersion,
      0, // the boot hart
      names.length,
      structureLength,
    ),
  );
  let at = structureStart;
  for (const piece of structure) {
    blob.set(piece, at);
    at += piece.length;
  }
  blob.set(names.bytes(), stringsStart);
  return blob;
}

function writeNode(
  { name, properties = {}, children = [] }: DeviceNode,
  structure: PropertyValue[],
  names: StringTable,
): void {
  structure.push(cells(token.beginNode), padded(strings(name)));
  for (const [property, value] of Object.entries(properties)) {
    structure.push(cells(token.property, value.length, names.offset(property)), padded(value));
  }
  for (const child of children) writeNode(child, structure, names);
  structure.push(cells(token.endNode));
}

/** §5.4: tokens are aligned to 4 bytes. */
function padded(value: PropertyValue): PropertyValue {
  const bytes = new Uint8Array((value.length + 3) & ~3);
  bytes.set(value);
  return bytes;
}

function total(pieces: readonly PropertyValue[]): number {
  return pieces.reduce((length, piece) => length + piece.length, 0);
}

/** §5.5: the names of properties, each once. */
class StringTable {
  length = 0;
  readonly #offsets = new Map<string, number>();

  offset(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.length;
    this.#offsets.set(name, offset);
    this.length += strings(name).length;
    return offset;
  }

  bytes(): PropertyValue {
    return strings(...this.#offsets.keys());
  }
}
