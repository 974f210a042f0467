// Devicetree Specification v0.4, §5.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cells, empty, flattenDeviceTree, longs, strings } from '../../src/device-tree.ts';
import type { DeviceNode } from '../../src/device-tree.ts';
import { parseTree } from './flat-tree.ts';
import type { FlatNode } from './flat-tree.ts';

test('§5.1: the length of the blob is a multiple of 8, whatever is in it', () => {
  const names = Array.from({ length: 8 }, (_, index) => 'abcdefgh'.slice(index));
  const blobs = names.map((name) => flattenDeviceTree({ name: '', properties: { [name]: empty } }));
  expect(blobs.map((blob) => blob.length % 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});

test('cells are big endian, longs are two cells, strings end in zero', () => {
  expect([...cells(0x1234_5678, 0xffff_ffff)]).toEqual([0x12, 0x34, 0x56, 0x78, 255, 255, 255, 255]);
  expect(longs(0x4_0000_0001)).toEqual(cells(4, 1));
  expect([...strings('a', 'bc')]).toEqual([0x61, 0, 0x62, 0x63, 0]);
});

test('§5.5: a property’s name is stored once', () => {
  const children = Array.from({ length: 50 }, (_, index) => ({
    name: `n${index}`,
    properties: { 'a-rather-long-name': empty },
  }));
  const text = new TextDecoder('latin1').decode(flattenDeviceTree({ name: '', children }));
  expect(text.split('a-rather-long-name').length - 1).toBe(1);
});

test('any tree reads back as it was written', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9,@-]{0,12}$/);
  const value = fc.uint8Array({ maxLength: 20 });
  const { node } = fc.letrec<{ node: DeviceNode }>((tie) => ({
    node: fc.record({
      name,
      properties: fc.dictionary(name, value, { maxKeys: 4 }),
      children: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('node'), { maxLength: 3 })),
    }),
  }));
  fc.assert(
    fc.property(node, (tree) => {
      const root = { ...tree, name: '' };
      expect(described(parseTree(flattenDeviceTree(root)))).toEqual(expected(root));
    }),
  );
});

interface Plain {
  name: string;
  properties: [string, number[]][];
  children: Plain[];
}

function described({ name, properties, children }: FlatNode): Plain {
  return {
    name,
    properties: [...properties].map(([key, value]) => [key, [...value]]),
    children: children.map(described),
  };
}

function expected({ name, properties = {}, children = [] }: DeviceNode): Plain {
  return {
    name,
    properties: Object.entries(properties).map(([key, value]) => [key, [...value]]),
    children: children.map(expected),
  };
}
