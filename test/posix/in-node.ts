// The guest of the suite in Node.js: folders of the host, and memory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder, memory, type ShareSource } from 'vm9';
import { PosixGuest } from './guest.ts';
import { shareTag, type Backend } from './machine.ts';

export const backendsInNode = ['tmpfs', 'folder', 'mapped', 'memory'] as const satisfies readonly Backend[];

export async function startInNode(): Promise<PosixGuest> {
  const [plain, mapped] = ['vm9-posix-', 'vm9-posix-'].map((prefix) => mkdtempSync(join(tmpdir(), prefix)));
  const sources: Record<Exclude<(typeof backendsInNode)[number], 'tmpfs'>, ShareSource> = {
    folder: hostFolder(plain!),
    mapped: hostFolder(mapped!, { security: 'mapped' }),
    memory: memory(),
  };
  const shares = Object.entries(sources).flatMap(([backend, source]) =>
    (['none', 'mmap'] as const).map((cache) => ({
      tag: shareTag(backend, cache === 'mmap'),
      source,
      mount: 'none',
      cache,
    })),
  );
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
      for (const folder of [plain!, mapped!]) rmSync(folder, { recursive: true, force: true });
    },
  };
  return PosixGuest.prepare(machine, backendsInNode);
}
