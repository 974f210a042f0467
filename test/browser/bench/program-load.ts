// A guest in a page that runs programs which the site has, one at a time.
import { createVm, memory } from 'vm9/browser';

/** Runs a shell's line in the folder of the programs, and resolves with what it printed. */
type Run = (line: string) => Promise<string>;

async function startGuest(programs: readonly string[]): Promise<Run> {
  const vm = createVm({ shares: [{ source: memory(), cache: 'loose' }] });
  for (const name of programs) {
    const response = await fetch(name);
    await vm.fs().writeFile(`/${name}`, new Uint8Array(await response.arrayBuffer()), { mode: 0o755 });
  }
  await vm.start();
  return async (line) => {
    const { stdout, stderr, status } = await vm.exec(line).output();
    if (status !== 0) throw new Error(`${line}: status ${status}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  };
}

let guest: Run | undefined;

async function boot(programs: readonly string[]): Promise<void> {
  guest = await startGuest(programs);
}

function run(line: string): Promise<string> {
  if (guest === undefined) throw new Error('there is no guest yet');
  return guest(line);
}

declare global {
  var bootGuest: typeof boot;
  var runInGuest: typeof run;
}
globalThis.bootGuest = boot;
globalThis.runInGuest = run;
