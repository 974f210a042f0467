// One machine that does the same work over and over: node --expose-gc steady.js FOLDER SECONDS ROUNDS JIT_CACHE [TREE].
// FOLDER holds round.sh, which is run in it, TREE a Debian to be mounted at /mnt/debian. At least ROUNDS rounds, for at
// least SECONDS, with JIT_CACHE MiB of translated code. Prints a line of JSON after each: what the guest has done so far,
// and what the process is then.
import { readdirSync } from 'node:fs';
import { createVm, defaultMemory, hostFolder } from '../../dist/index.js';

const [folder, seconds, rounds, jitCache, tree] = process.argv.slice(2);

const vm = createVm({
  jitCache: Number(jitCache),
  shares: [
    { source: hostFolder(folder), cache: 'loose' },
    ...(tree === undefined ? [] : [{ source: hostFolder(tree), tag: 'debian', mount: '/mnt/debian', cache: 'loose' }]),
  ],
});
await vm.start();

async function run(command) {
  const { stdout, stderr, status } = await vm.exec(command).output();
  if (status !== 0) throw new Error(`${command}: status ${status}: ${Buffer.from(stderr)}${Buffer.from(stdout)}`);
  return Buffer.from(stdout).toString();
}

// All of the guest's RAM is resident from then on: what grows later is the process.
await run(`dd if=/dev/zero of=/dev/null bs=${Math.floor(defaultMemory * 0.8)}M count=1`);
const end = performance.now() + Number(seconds) * 1000;
for (let round = 1; round <= Number(rounds) || performance.now() < end; round++) {
  const output = await run('sh round.sh');
  globalThis.gc?.();
  const { instructions, busySeconds, translator } = await vm.statistics();
  const record = {
    round,
    output,
    instructions,
    busySeconds,
    translator,
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    residentMebibytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
await vm.powerOff();
await vm.dispose();
