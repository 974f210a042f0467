// Reads a flattened device tree back (Devicetree Specification v0.4, §5), strictly, as a kernel would.

export interface FlatNode {
  readonly name: string;
  readonly properties: Map<string, Uint8Array<ArrayBufferLike>>;
  readonly children: FlatNode[];
}

export function parseTree(blob: Uint8Array<ArrayBufferLike>): FlatNode {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const field = (index: number): number => view.getUint32(4 * index);
  if (field(0) !== 0xd00d_feed) throw new Error('no magic');
  if (field(1) !== blob.length) throw new Error('totalsize is wrong');
  if (field(5) !== 17 || field(6) > 17) throw new Error('not version 17');
  const [structure, names, reservations, namesLength, structureLength] = [
    field(2),
    field(3),
    field(4),
    field(8),
    field(9),
  ];
  if (reservations % 8 !== 0 || structure % 4 !== 0) throw new Error('a block is misaligned');
  if (view.getBigUint64(reservations) !== 0n || view.getBigUint64(reservations + 8) !== 0n) throw new Error('reserved');
  if (reservations + 16 > structure || structure + structureLength > names) throw new Error('blocks overlap');
  if (names + namesLength > blob.length) throw new Error('strings run over the end');

  let at = structure;
  const next = (): number => {
    at += 4;
    return view.getUint32(at - 4);
  };
  const text = (start: number): string => {
    const end = blob.indexOf(0, start);
    return new TextDecoder().decode(blob.slice(start, end));
  };
  const node = (): FlatNode => {
    const name = text(at);
    at += (name.length + 4) & ~3;
    const properties = new Map<string, Uint8Array<ArrayBufferLike>>();
    const children: FlatNode[] = [];
    for (;;) {
      const kind = next();
      if (kind === 3) {
        if (children.length > 0) throw new Error('a property after a node');
        const length = next();
        const offset = next();
        if (offset >= namesLength) throw new Error('a name outside the strings');
        const property = text(names + offset);
        if (properties.has(property)) throw new Error(`${property} twice`);
        properties.set(property, blob.slice(at, at + length));
        at += (length + 3) & ~3;
      } else if (kind === 1) {
        children.push(node());
      } else if (kind === 2) {
        return { name, properties, children };
      } else {
        throw new Error(`token ${kind}`);
      }
    }
  };
  if (next() !== 1) throw new Error('no root');
  const root = node();
  if (next() !== 9 || at !== structure + structureLength) throw new Error('the structure does not end where it says');
  return root;
}

/** The node at a path such as `/soc/serial@10000000`. */
export function nodeAt(root: FlatNode, path: string): FlatNode {
  return path
    .split('/')
    .filter((name) => name !== '')
    .reduce((node, name) => {
      const child = node.children.find((candidate) => candidate.name === name);
      if (child === undefined) throw new Error(`${name} of ${path} is not there`);
      return child;
    }, root);
}

export function cellsOf(node: FlatNode, property: string): number[] {
  const bytes = valueOf(node, property);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index));
}

export function stringsOf(node: FlatNode, property: string): string[] {
  const text = new TextDecoder().decode(valueOf(node, property));
  if (!text.endsWith('\0')) throw new Error(`${property} lacks its zero byte`);
  return text.slice(0, -1).split('\0');
}

export function valueOf(node: FlatNode, property: string): Uint8Array<ArrayBufferLike> {
  const value = node.properties.get(property);
  if (value === undefined) throw new Error(`${node.name} has no ${property}`);
  return value;
}
