// Where the parts of a drawn descriptor chain go: pure arithmetic, in units of the drawing.
import type { ChainRecord } from './requests.ts';

type Descriptor = ChainRecord['descriptors'][number];

/** Where RAM begins on QEMU's virt board, which the machine is modelled on. */
export const ramBase = 0x8000_0000;

export const boxHeight = 40;
const boxGap = 12;
const top = 34;
/** Descriptors that are drawn one by one; of a longer chain the middle is drawn as one box. */
const mostBoxes = 8;
const regionGap = 12;
const mostRegions = 12;
const leastMark = 2;
const leastHeight = 310;

export interface Box {
  readonly y: number;
  /** Undefined for the box that stands for `omitted` descriptors. */
  readonly descriptor: Descriptor | undefined;
  readonly omitted: number;
  readonly omittedBytes: number;
}

/** A run of touching buffers of one kind. Regions are drawn in the order of their addresses, what is between them left out. */
export interface Region {
  readonly kind: Descriptor['kind'];
  readonly start: number;
  readonly end: number;
  readonly y: number;
  readonly height: number;
  /** Where it is in all of RAM, drawn to scale. */
  readonly ramY: number;
  readonly ramHeight: number;
}

export interface ChainLayout {
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly regions: readonly Region[];
  readonly ram: { readonly y: number; readonly height: number };
  /** Which box has a buffer in which region, both as indexes. */
  readonly links: readonly { readonly box: number; readonly region: number }[];
}

export function layoutChain({ descriptors }: ChainRecord, ramSize: number): ChainLayout {
  const boxOf = descriptors.length <= mostBoxes ? (index: number) => index : shortened(descriptors.length);
  const count = Math.min(descriptors.length, mostBoxes);
  const boxes = Array.from({ length: count }, (_, box): Box => {
    const members = descriptors.filter((_descriptor, index) => boxOf(index) === box);
    const y = top + box * (boxHeight + boxGap);
    if (members.length === 1) return { y, descriptor: members[0], omitted: 0, omittedBytes: 0 };
    return {
      y,
      descriptor: undefined,
      omitted: members.length,
      omittedBytes: members.reduce((sum, { length }) => sum + length, 0),
    };
  });
  const runs = regionsOf(descriptors);
  const needed = Math.max(count * (boxHeight + boxGap), heightOf(runs));
  const ram = { y: top, height: Math.max(needed, leastHeight) };
  const toScale = (address: number): number => ram.y + ((address - ramBase) / ramSize) * ram.height;
  let y = top;
  const regions = runs.map((run): Region => {
    const ramY = toScale(run.start);
    const region = { ...run, y, height: tallness(run), ramY, ramHeight: Math.max(toScale(run.end) - ramY, leastMark) };
    y += region.height + regionGap;
    return region;
  });
  const links = new Map<string, { box: number; region: number }>();
  for (const [index, { address }] of descriptors.entries()) {
    const link = { box: boxOf(index), region: runs.findIndex(({ start, end }) => address >= start && address < end) };
    links.set(`${link.box} ${link.region}`, link);
  }
  return { height: ram.y + ram.height + 18, boxes, regions, ram, links: [...links.values()] };
}

type Run = Pick<Region, 'kind' | 'start' | 'end'>;

/** Buffers by address, touching ones of a kind as one; of too many the closest are drawn as one. */
function regionsOf(descriptors: readonly Descriptor[]): Run[] {
  const sorted = descriptors.toSorted((a, b) => a.address - b.address);
  const runs = sorted.map(({ kind, address, length }): Run => ({ kind, start: address, end: address + length }));
  for (;;) {
    const gaps = runs.slice(1).map(({ kind, start }, index) => {
      const before = runs[index];
      return before?.kind === kind ? start - before.end : Infinity;
    });
    const least = Math.min(...gaps);
    if (least > 0 && (runs.length <= mostRegions || least === Infinity)) return runs;
    const at = gaps.indexOf(least);
    const [first, second] = runs.slice(at, at + 2);
    if (first === undefined || second === undefined) return runs;
    runs.splice(at, 2, { kind: first.kind, start: first.start, end: Math.max(first.end, second.end) });
  }
}

/** Taller for more bytes, without hiding the small ones: 18 to 60. */
function tallness({ start, end }: Run): number {
  return Math.min(18 + 3 * Math.max(Math.log2((end - start) / 64), 0), 60);
}

function heightOf(runs: readonly Run[]): number {
  return runs.reduce((sum, run) => sum + tallness(run) + regionGap, 0);
}

/** The first descriptors and the last two have boxes of their own. */
function shortened(count: number): (index: number) => number {
  const middle = mostBoxes - 3;
  return (index) => (index < middle ? index : index >= count - 2 ? index - count + mostBoxes : middle);
}

/** The ring slots around one, as they follow each other: `around(0, 256, 1)` is 255, 0, 1. */
export function slotsAround(slot: number, size: number, distance: number): number[] {
  return Array.from({ length: 2 * distance + 1 }, (_, index) => (slot - distance + index + size) % size);
}

/** 0x8123_4000 */
export function addressText(address: number): string {
  const digits = address.toString(16).padStart(8, '0');
  return `0x${digits.slice(0, -4)}_${digits.slice(-4)}`;
}
