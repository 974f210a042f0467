// A share whose files are in memory: named in the main thread, made in the VM's worker, gone with it.
import type { ShareSource } from './vm-options.ts';

const kind = 'memory';

/** Files in memory, for the `source` of a share: empty at the start, forgotten when the VM is disposed of. */
export function memory({ name }: { readonly name?: string } = {}): ShareSource {
  return { kind, volatile: true, ...(name !== undefined && { name }) };
}

export function isMemory(source: ShareSource): boolean {
  return source.kind === kind;
}
