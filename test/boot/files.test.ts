// The files of a share while a guest uses them too.
import { randomBytes } from 'node:crypto';
import { createVm, hostFolder, memory, type ShareChange, type Vm } from 'vm9';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './command-line.ts';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function output(vm: Vm, command: string): Promise<string> {
  const { stdout, stderr, status } = await vm.exec(command).output();
  if (status !== 0) throw new Error(`${command}: status ${status}: ${text(stderr)}`);
  return text(stdout);
}

describe.each(['memory', 'host'] as const)('%s', (kind) => {
  test('one folder from both sides: before the start, while the guest runs, after a reset, and after the end', async () => {
    const vm = createVm({ shares: [{ source: kind === 'memory' ? memory() : hostFolder(temporaryFolder()) }] });
    onTestFinished(() => vm.dispose());
    const files = vm.fs();
    const changes: ShareChange[] = [];
    files.watch((change) => changes.push(change));
    const told = (type: ShareChange['type'], path: string): Promise<void> =>
      until(() => changes.some((change) => change.type === type && change.path === path));

    const big = randomBytes(3_000_000);
    await files.writeFile('/before', 'before the start');
    await files.writeFile('/big', big);
    await vm.start();
    expect(await output(vm, 'cat before')).toBe('before the start');

    await vm.exec('mkdir folder && echo "by the guest" > "folder/a name" && mv folder/a* folder/other').status;
    await told('renamed', '/folder/other');
    expect(text(await files.readFile('/folder/other'))).toBe('by the guest\n');
    // The guest writes to a file that is open since before anybody looked at it.
    const writer = vm.exec('exec 3>>log; read x; echo "$x" >&3; read x', { stdinOpen: true });
    await told('created', '/log');
    await writer.write('a line\n');
    await told('changed', '/log');
    expect(text(await files.readFile('/log'))).toBe('a line\n');
    await writer.write('done\n');
    await writer.status;

    // A guest that computes, and one that sleeps, are no hindrance.
    const busy = vm.exec('while :; do :; done');
    await busy.started;
    await files.writeFile('/by the API', 'while the guest is busy');
    busy.kill('SIGKILL');
    await busy.status;
    expect(await output(vm, 'cat "by the API"')).toBe('while the guest is busy');
    await files.rm('/folder', { recursive: true });
    expect(await output(vm, 'ls')).toBe('before\nbig\nby the API\nlog\n');

    await vm.reset();
    await vm.ready;
    expect(await output(vm, 'cat "by the API" && rm before && echo after the reset > reset')).toContain('busy');
    await told('removed', '/before');
    await vm.powerOff();
    expect(text(await files.readFile('/reset'))).toBe('after the reset\n');
    await files.writeFile('/after', 'after the end');
    await vm.start();
    expect(await output(vm, 'cat after && sha256sum big > /tmp/sum && wc -c < big')).toBe('after the end3000000\n');
    await vm.stop();
    expect(Buffer.compare(await files.readFile('/big'), big)).toBe(0);
  });
});

test('two guests one after the other find the files that are in memory', async () => {
  const vm = createVm({ shares: [{ source: memory() }] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  await output(vm, 'echo kept > file && sync');
  await vm.stop();
  await vm.start();
  expect(await output(vm, 'cat file')).toBe('kept\n');
});
