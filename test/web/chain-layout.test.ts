import { expect, test } from 'vitest';
import { addressText, layoutChain, ramBase, slotsAround } from '../../web/inspector/chain-layout.ts';
import type { ChainRecord } from '../../web/inspector/requests.ts';

const ramSize = 256 * 2 ** 20;

function chain(descriptors: ChainRecord['descriptors']): ChainRecord {
  return { slot: 0, size: 256, head: 0, descriptors, notified: true, used: undefined, interrupted: false };
}

test('buffers are drawn in the order of their addresses, and linked with their descriptors', () => {
  const { boxes, regions, links } = layoutChain(
    chain([
      { index: 3, address: ramBase + 0x9000, length: 32, kind: 'indirect' },
      { index: 0, address: ramBase + 0x5000, length: 23, kind: 'readable' },
      { index: 1, address: ramBase + 0x1000, length: 11, kind: 'writable' },
    ]),
    ramSize,
  );
  expect(boxes.map(({ descriptor }) => descriptor?.kind)).toEqual(['indirect', 'readable', 'writable']);
  expect(regions.map(({ kind }) => kind)).toEqual(['writable', 'readable', 'indirect']);
  expect(links).toEqual([
    { box: 0, region: 2 },
    { box: 1, region: 1 },
    { box: 2, region: 0 },
  ]);
});

test('touching buffers of a kind are one region; a readable one beside a writable one is its own', () => {
  const page = (index: number, kind: 'readable' | 'writable') =>
    ({ index, address: ramBase + index * 0x1000, length: 0x1000, kind }) as const;
  const { regions } = layoutChain(chain([page(0, 'readable'), page(1, 'writable'), page(2, 'writable')]), ramSize);
  expect(regions.map(({ kind, start, end }) => [kind, start - ramBase, end - ramBase])).toEqual([
    ['readable', 0, 0x1000],
    ['writable', 0x1000, 0x3000],
  ]);
});

test('a long chain keeps its ends: the middle is one box, and no region is lost', () => {
  const descriptors = Array.from({ length: 128 }, (_, index) => ({
    index,
    address: ramBase + ((index * 37) % 128) * 0x10_0000,
    length: 0x1000,
    kind: 'writable' as const,
  }));
  const { boxes, regions, links, height, ram } = layoutChain(chain(descriptors), ramSize);
  expect(boxes).toHaveLength(8);
  expect(boxes.at(-1)?.descriptor?.index).toBe(127);
  const middle = boxes.find(({ descriptor }) => descriptor === undefined);
  expect(middle).toMatchObject({ omitted: 121, omittedBytes: 121 * 0x1000 });
  expect(regions.length).toBeLessThanOrEqual(12);
  expect(links.every(({ region }) => region >= 0)).toBe(true);
  expect(height).toBeGreaterThanOrEqual(ram.y + ram.height);
});

test('in all of RAM a region lies where its address is', () => {
  const half = ramBase + ramSize / 2;
  const { regions, ram } = layoutChain(chain([{ index: 0, address: half, length: 0x1000, kind: 'readable' }]), ramSize);
  expect(regions[0]?.ramY).toBeCloseTo(ram.y + ram.height / 2);
});

test('slots follow each other around the ring', () => {
  expect(slotsAround(0, 256, 2)).toEqual([254, 255, 0, 1, 2]);
  expect(addressText(0x8123_4000)).toBe('0x8123_4000');
});
