// The guest of the suite in Node.js: folders of the host, and memory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder, memory, type ShareSource } from 'vm9';
import { PosixGuest } from './guest.ts';
import { shareTag, type Backend } from './machine.ts';

export const backendsInNode = ['tmpfs', 'folder', 'mapped', 'memory'] as const satisfies readonly Backend[];
/** Its owners are the host's, which root alone gives; apart, because the board has eight slots. */
export const backendsOfRoot = ['tmpfs', 'passthrough'] as const satisfies readonly Backend[];

export function startInNode(): Promise<PosixGuest> {
  return start(backendsInNode, (backend, newFolder) => {
    if (backend === 'memory') return memory();
    return hostFolder(newFolder(), backend === 'mapped' ? { security: 'mapped' } : {});
  });
}

export function startAsRoot(): Promise<PosixGuest> {
  return start(backendsOfRoot, (_, newFolder) => hostFolder(newFolder(), { security: 'passthrough' }));
}

type SourceOf = (backend: Backend, newFolder: () => string) => ShareSource;

async function start(backends: readonly Backend[], sourceOf: SourceOf): Promise<PosixGuest> {
  const folders: string[] = [];
  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'vm9-posix-'));
    folders.push(folder);
    return folder;
  };
  const shares = backends
    .filter((backend) => backend !== 'tmpfs')
    .flatMap((backend) => {
      const source = sourceOf(backend, newFolder);
      return (['none', 'mmap'] as const).map((cache) => ({
        tag: shareTag(backend, cache === 'mmap'),
        source,
        mount: 'none',
        cache,
      }));
    });
  const vm = createVm({ shares });
  await vm.start();
  const machine = {
    run: async (line: string, stdin?: Uint8Array) => {
      const result = await vm.exec(line, { cwd: '/', ...(stdin === undefined ? {} : { stdin }) }).output();
      return {
        stdout: Buffer.from(result.stdout).toString('latin1'),
        stderr: Buffer.from(result.stderr).toString(),
        status: result.status,
      };
    },
    dispose: async () => {
      await vm.dispose();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
  return PosixGuest.prepare(machine, backends);
}
