// A descriptor chain drawn over guest memory: from the available ring through the descriptors to their buffers, and back
// by the used ring. The steps are told in words below it, which is also what a screen reader gets.
import { bytesText, countText } from '../ui/format.ts';
import {
  addressText,
  boxHeight,
  layoutChain,
  slotsAround,
  type Box,
  type ChainLayout,
  type Region,
} from './chain-layout.ts';
import type { ChainRecord } from './requests.ts';

interface DrawingProps {
  readonly chain: ChainRecord;
  /** Bytes of guest RAM. */
  readonly ramSize: number;
  /** Names of the messages. */
  readonly request: string;
  readonly reply: string;
}

const width = 640;
const ring = { x: 8, width: 96, slot: 24 };
const box = { x: 150, width: 204 };
const region = { x: 404, width: 142 };
const ram = { x: 592, width: 16 };
const ringDistance = 2;

export function ChainDrawing({ chain, ramSize, request, reply }: DrawingProps) {
  const layout = layoutChain(chain, ramSize);
  const usedTop = layout.ram.y + layout.ram.height - (2 * ringDistance + 1) * ring.slot;
  const readable = chain.descriptors.filter(({ kind }) => kind === 'readable');
  const writable = chain.descriptors.filter(({ kind }) => kind === 'writable');
  const bytes = (list: readonly { readonly length: number }[]): number =>
    list.reduce((sum, { length }) => sum + length, 0);
  return (
    <figure class="chain" tabIndex={0} aria-label="The way through the virtqueue">
      <svg viewBox={`0 0 ${width} ${layout.height}`} role="img" aria-label="The descriptor chain over guest memory">
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 L8 4 L0 8 z" class="arrow-head" />
          </marker>
        </defs>
        <Ring title="available ring" y={34} slot={chain.slot} size={chain.size} text={String(chain.head)} step={1} />
        <path
          class="line"
          marker-end="url(#arrow)"
          d={`M${ring.x + ring.width} ${34 + ring.slot * (ringDistance + 0.5)} C 130 ${34 + ring.slot * 2.5} 130 54 ${box.x - 2} 54`}
        />
        <text class="title" x={box.x} y={20}>
          descriptors
        </text>
        {layout.boxes.map((drawn, index) => (
          <DescriptorBox key={index} drawn={drawn} next={layout.boxes[index + 1]} />
        ))}
        <Ram layout={layout} ramSize={ramSize} />
        <Ring
          title="used ring"
          y={usedTop}
          slot={chain.used?.slot}
          size={chain.size}
          text={chain.used === undefined ? '' : `${chain.head}, ${chain.used.length} B`}
          step={5}
        />
      </svg>
      <figcaption>
        <ol class="steps">
          <li>
            The driver puts the head, descriptor {chain.head}, into slot {chain.slot} of the available ring
            {chain.notified
              ? ', and notifies the device.'
              : '. The device is at work already: no notification is needed.'}
          </li>
          <li>
            The device follows the chain of {countText(chain.descriptors.length)} descriptors
            {chain.descriptors.some(({ kind }) => kind === 'indirect') &&
              ', most of them in an indirect table of its own'}
            .
          </li>
          <li class="readable">
            It reads {request} from {plural(readable.length, 'buffer')} of {bytesText(bytes(readable))}.
          </li>
          <li class="writable">
            It writes {reply} into {plural(writable.length, 'buffer')} with room for {bytesText(bytes(writable))}.
          </li>
          <li>
            {chain.used === undefined
              ? 'The chain is still with the device.'
              : `The device puts head and length, ${chain.head} and ${chain.used.length}, into slot ${chain.used.slot} of the used ring${
                  chain.interrupted ? ', and interrupts the driver.' : '. The driver wants no interrupt for it.'
                }`}
          </li>
        </ol>
      </figcaption>
    </figure>
  );
}

function plural(count: number, what: string): string {
  return count === 1 ? `one ${what}` : `${countText(count)} ${what}s`;
}

interface RingProps {
  readonly title: string;
  readonly y: number;
  readonly slot: number | undefined;
  readonly size: number;
  /** What the slot holds. */
  readonly text: string;
  readonly step: number;
}

function Ring({ title, y, slot, size, text, step }: RingProps) {
  const slots = slot === undefined ? [] : slotsAround(slot, size, ringDistance);
  return (
    <g>
      <text class="title" x={ring.x} y={y - 14}>
        {title}
      </text>
      {slots.map((number, index) => {
        const at = y + index * ring.slot;
        const current = index === ringDistance;
        return (
          <g key={number} class={current ? 'slot current' : 'slot'}>
            <rect x={ring.x} y={at} width={ring.width} height={ring.slot} />
            <text class="number" x={ring.x + 26} y={at + 16} text-anchor="end">
              {number}
            </text>
            {current && (
              <text x={ring.x + 34} y={at + 16}>
                {text}
              </text>
            )}
          </g>
        );
      })}
      {slot === undefined ? (
        <text class="muted" x={ring.x} y={y + 16}>
          not yet
        </text>
      ) : (
        <Step x={ring.x + ring.width - 4} y={y + ringDistance * ring.slot} number={step} />
      )}
    </g>
  );
}

function Step({ x, y, number }: { readonly x: number; readonly y: number; readonly number: number }) {
  return (
    <g class="step">
      <circle cx={x} cy={y} r={9} />
      <text x={x} y={y + 3.5} text-anchor="middle">
        {number}
      </text>
    </g>
  );
}

const doings = { readable: 'device reads', writable: 'device writes', indirect: 'indirect table' } as const;

function DescriptorBox({
  drawn: { y, descriptor, omitted, omittedBytes },
  next,
}: {
  readonly drawn: Box;
  readonly next: Box | undefined;
}) {
  const middle = box.x + box.width / 2;
  return (
    <g class={`descriptor ${descriptor?.kind ?? 'omitted'}`}>
      <rect x={box.x} y={y} width={box.width} height={boxHeight} rx={6} />
      <rect class="kind" x={box.x} y={y} width={5} height={boxHeight} rx={2} />
      {descriptor === undefined ? (
        <text x={middle} y={y + 24} text-anchor="middle">
          … {countText(omitted)} more, {bytesText(omittedBytes)}
        </text>
      ) : (
        <>
          <text x={box.x + 14} y={y + 17} class="strong">
            {descriptor.index} · {doings[descriptor.kind]}
          </text>
          <text x={box.x + 14} y={y + 32} class="code">
            {addressText(descriptor.address)} · {bytesText(descriptor.length)}
          </text>
        </>
      )}
      {next !== undefined && (
        <path class="line" marker-end="url(#arrow)" d={`M${middle} ${y + boxHeight} V${next.y - 1}`} />
      )}
    </g>
  );
}

/** The buffers in the order of their addresses, and where they lie in all of RAM. */
function Ram({
  layout: { boxes, regions, ram: all, links },
  ramSize,
}: {
  readonly layout: ChainLayout;
  readonly ramSize: number;
}) {
  return (
    <g>
      <text class="title" x={region.x} y={20}>
        buffers in guest RAM
      </text>
      <rect class="ram" x={ram.x} y={all.y} width={ram.width} height={all.height} rx={3} />
      <g class="tick">
        <text x={ram.x + ram.width + 6} y={all.y + 9}>
          0
        </text>
        <text x={ram.x + ram.width + 6} y={all.y + all.height}>
          {ramSize / 2 ** 20}
        </text>
        <text x={ram.x + ram.width + 6} y={all.y + all.height + 11}>
          MiB
        </text>
      </g>
      {links.map(({ box: from, region: to }) => {
        const fromY = (boxes[from]?.y ?? 0) + boxHeight / 2;
        const target = regions[to];
        if (target === undefined) return null;
        const toY = target.y + target.height / 2;
        return (
          <path
            key={`${from} ${to}`}
            class={`link ${target.kind}`}
            d={`M${box.x + box.width} ${fromY} C ${box.x + box.width + 36} ${fromY} ${region.x - 36} ${toY} ${region.x} ${toY}`}
          />
        );
      })}
      {regions.map((drawn) => (
        <RegionBlock key={drawn.start} drawn={drawn} />
      ))}
    </g>
  );
}

function RegionBlock({ drawn: { kind, start, end, y, height, ramY, ramHeight } }: { readonly drawn: Region }) {
  const right = region.x + region.width;
  return (
    <g class={`region ${kind}`}>
      <path class="lens" d={`M${right} ${y} L${ram.x} ${ramY} V${ramY + ramHeight} L${right} ${y + height} z`} />
      <rect x={region.x} y={y} width={region.width} height={height} rx={4} />
      <rect class="place" x={ram.x} y={ramY} width={ram.width} height={ramHeight} />
      <text x={region.x + 8} y={y + height / 2 + 4}>
        {addressText(start)} · {bytesText(end - start)}
      </text>
    </g>
  );
}
