// A share whose files are in memory: named in the main thread, made in the VM's worker, gone with it.
import type { Backend } from '../devices/9p/backend.ts';
import { MemoryBackend } from '../devices/9p/memory.ts';
import type { ShareSource } from './vm-options.ts';

const kind = 'memory';

/** Files in memory, for the `source` of a share: empty at the start, forgotten when the VM is disposed of. */
export function memory({ name }: { readonly name?: string } = {}): ShareSource {
  return { kind, volatile: true, ...(name !== undefined && { name }) };
}

/** Makes what `memory` named; undefined for a source of another kind. `now` is nanoseconds since 1970. */
export function openMemory(source: ShareSource, now: () => bigint): Backend | undefined {
  return source.kind === kind ? new MemoryBackend({ now }) : undefined;
}
