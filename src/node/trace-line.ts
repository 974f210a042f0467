// The lines of `--trace`.
import { formatP9Event } from '../../devices/9p/trace.ts';
import type { TranslationEvent } from '../cpu/riscv/translator.ts';
import type { MachineEvent } from '../worker-protocol.ts';

/** A line for an event of a type that `--trace` takes. */
export function describeEvent(event: Extract<MachineEvent, { readonly type: '9p' | 'jit' }>): string {
  return event.type === '9p' ? `${event.share}: ${formatP9Event(event.event)}` : describeTranslation(event.event);
}

function describeTranslation({ what, entry, ranges, large, instructions, bytes, module }: TranslationEvent): string {
  const from = ranges.map(({ start, end }) => `${hexadecimal(start)}-${hexadecimal(end)}`).join(' ');
  const made = module === undefined ? '' : ` in ${module.milliseconds.toFixed(1)} ms with ${module.regions - 1} others`;
  return (
    `jit: ${what} ${hexadecimal(entry)} (${large ? 'large' : 'small'}): ` +
    `${instructions} instructions of ${from}, ${bytes} bytes${made}`
  );
}

function hexadecimal(value: bigint): string {
  return `0x${value.toString(16)}`;
}
