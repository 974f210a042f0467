// A folder of the host as a share: named in the main thread, opened in the VM's worker.
import { accessSync, constants, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Backend } from '../../devices/9p/backend.ts';
import { HidingBackend } from '../../devices/9p/hiding.ts';
import { VmError } from '../errors.ts';
import type { ShareSource } from '../vm-options.ts';
import {
  checkHostFolder,
  hiddenNames,
  securityModels,
  securityOf,
  type HostFolderOptions,
} from './host-folder-options.ts';
import { NodeFsBackend } from './node-fs/backend.ts';

interface HostFolder extends ShareSource {
  readonly kind: 'host-folder';
  /** Absolute. */
  readonly path: string;
  readonly options: HostFolderOptions;
}

/**
 * A folder of this computer, for the `source` of a share. Throws VmError 'bad-file' where it is none that can be read, and
 * 'bad-option'.
 */
export function hostFolder(path: string, options: HostFolderOptions = {}): ShareSource {
  const absolute = resolve(path);
  const problem = (what: string): VmError => new VmError('bad-file', `${path}: ${what}`);
  const { security = 'default' } = options;
  const refused = (what: string): VmError => new VmError('bad-option', `${path}: ${what}`);
  if (!securityModels.includes(security)) throw refused(`security=${security} is none of ${securityModels.join(', ')}`);
  checkHostFolder(options, refused);
  const status = statSync(absolute, { throwIfNoEntry: false });
  if (status === undefined) throw problem('there is no such folder');
  if (!status.isDirectory()) throw problem('it is not a folder, and only folders can be shared');
  try {
    accessSync(absolute, constants.R_OK | constants.X_OK);
  } catch {
    throw problem('the folder may not be read by this user');
  }
  const name = basename(absolute);
  const source: HostFolder = { kind: 'host-folder', path: absolute, options, ...(name !== '' && { name }) };
  return source;
}

/** Opens a source that `hostFolder` made. For the worker. Throws VmError 'bad-file'. */
export async function openHostFolder(
  source: ShareSource,
  options: { readonly readOnly: boolean; readonly log: (line: string) => void },
): Promise<Backend> {
  if (!isHostFolder(source))
    throw new VmError('bad-option', `a share of kind ${source.kind} has no meaning in Node.js`);
  try {
    const backend = NodeFsBackend.open(source.path, { ...options, security: securityOf(source.options) });
    const { hide = [] } = source.options;
    return hide.length === 0 ? backend : new HidingBackend(backend, hiddenNames(hide));
  } catch (cause) {
    throw new VmError(
      'bad-file',
      `${source.path} cannot be shared: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    );
  }
}

function isHostFolder(source: ShareSource): source is HostFolder {
  return source.kind === 'host-folder';
}
