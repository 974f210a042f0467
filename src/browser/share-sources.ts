// Opens the sources of shares in the VM's worker, by their kinds.
import type { Backend } from '../../devices/9p/backend.ts';
import { VmError } from '../errors.ts';
import { openMemory } from '../memory-share.ts';
import type { ShareSource } from '../vm-options.ts';

/** Throws VmError 'bad-option' for a kind that browsers do not have, 'bad-file' for what cannot be opened. */
export async function openShare(source: ShareSource, now: () => bigint): Promise<Backend> {
  const backend = openMemory(source, now);
  if (backend === undefined) {
    throw new VmError('bad-option', `a share of kind ${source.kind} has no meaning in a browser`);
  }
  return backend;
}
