// The package's entry in Node.js: the API of src/index.ts with what only Node.js has.
import { Vm } from '../vm.ts';
import type { VmOptions } from '../vm-options.ts';
import type { MachineSetup } from '../worker-protocol.ts';
import { nodePlatform } from './platform.ts';

export * from '../index.ts';
export { cacheFolder, type CacheFolderOptions } from './cache-folder.ts';
export { hostFile } from './host-disk/source.ts';
export type { HostFileSource } from './host-disk/source.ts';
export { hostFolder } from './host-folder.ts';
export { rootFolder } from './root-folder.ts';
export type { HostFolderOptions } from './host-folder-options.ts';
export type { IdRange } from './node-fs/owners.ts';

/** Makes a VM whose machine runs in a worker thread. Nothing runs before `start`. Throws VmError 'bad-option'. */
export function createVm(options: VmOptions = {}): Vm {
  let keepCompiled = (): void => undefined;
  /** The thread is started with the machine, and takes longer for that than this one for the module. */
  const makeInterpreter = async (setup: MachineSetup): Promise<Uint8Array<ArrayBuffer>> => {
    const kept = (await import('./interpreter.ts')).interpreterFor(setup);
    keepCompiled = kept.keepCompiled;
    return kept.module;
  };
  const vm = new Vm({ ...nodePlatform, makeInterpreter, sharedMemory: options.sharedMemory ?? true }, options);
  vm.on('ready', () => keepCompiled());
  return vm;
}
