// WASI programs on a share: those of a package beside node:wasi, and what belongs to the API.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVm, hostFolder, memory, VmError, type WasiOptions } from 'vm9';
import { describe, expect, onTestFinished, test } from 'vitest';
import { byNode, byVm, files, packaged, temporaryFolder, text, withShare, type Outcome } from './beside-node.ts';

describe.each(['memory', 'host'] as const)('%s', (kind) => {
  test('the programs that come with @wasmer/wasi', async () => {
    const vm = withShare(kind);
    const folder = temporaryFolder();
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, name));
      await vm.fs().mkdir(`/${name}`);
    }
    writeFileSync(join(folder, 'file'), 'fileContents');
    await vm.fs().writeFile('/file', 'fileContents');
    // In the order of the file system.
    const sorted = ({ status, stdout }: Outcome): unknown => ({ status, lines: stdout.split('\n').sort() });
    // Without a folder of this name it panics, under both.
    expect(sorted(await byVm(vm, packaged('mapdir'), { preopens: { '.': {} } }))).toEqual(
      sorted(byNode(packaged('mapdir'), folder, { preopens: { '.': folder } })),
    );
    const panic = vm.runWasi(packaged('mapdir'));
    expect(await panic.stderr.text()).toContain('failed to find a preopened file descriptor');
    await expect(panic.exit).rejects.toMatchObject({ code: 'trap', message: 'the WASI program: unreachable' });
    const stdin = 'Hello World!';
    expect(await byVm(vm, packaged('pipe_reverse'), { stdin })).toEqual(
      byNode(packaged('pipe_reverse'), folder, { stdin }),
    );
    const env = { DOG: 'X', TEST: 'VALUE', TEST2: 'VALUE2' };
    expect(sorted(await byVm(vm, packaged('envvar'), { env }))).toEqual(
      sorted(byNode(packaged('envvar'), folder, { env })),
    );
    // Compiled for wasi_unstable, which node:wasi does not have under this name.
    expect(await byVm(vm, packaged('demo'))).toEqual({ status: 0, stdout: 'hello world\n' });
  });
});

describe('preopened folders', () => {
  test('a folder of a share, by another name, and nothing beside it', async () => {
    const vm = withShare('memory');
    await vm.fs().mkdir('/lab/src', { recursive: true });
    await vm.fs().writeFile('/lab/src/a', 'inside');
    await vm.fs().writeFile('/secret', 'outside');
    await vm.fs().symlink('/secret', '/lab/src/absolute');
    await vm.fs().symlink('../../secret', '/lab/src/relative');
    const args = [
      'cat',
      '/task/a',
      'cat',
      '/task/../secret',
      'cat',
      '/task/absolute',
      'cat',
      '/task/relative',
      'cat',
      '/secret',
    ];
    const { stdout } = await byVm(vm, files, { args, preopens: { '/task': { path: '/lab/src' } } });
    expect(stdout.replaceAll(/cat: .*/g, 'no')).toBe('inside\nno\nno\nno\nno\n');
  });

  test('several shares; a rename from one to the other is EXDEV', async () => {
    const vm = createVm({ shares: [{ source: memory() }, { source: hostFolder(temporaryFolder()), tag: 'b' }] });
    onTestFinished(() => vm.dispose());
    await vm.fs().writeFile('/a', 'from the first');
    const args = ['cat', '/one/a', 'write', '/two/b', 'x', 'rename', '/one/a', '/two/a'];
    const { stdout } = await byVm(vm, files, { args, preopens: { '/one': 'host', '/two': 'b' } });
    expect(stdout).toBe('from the first\nwrite: ok\nrename: Cross-device link\n');
    expect(text(await vm.fs('b').readFile('/b'))).toBe('x');
  });

  test('read-only', async () => {
    const vm = withShare('memory');
    await vm.fs().writeFile('/a', 'x');
    const args = ['cat', '/a', 'write', '/a', 'y', 'mkdir', '/d'];
    const { stdout } = await byVm(vm, files, { args, readOnly: true });
    expect(stdout).toBe('x\nwrite: Read-only file system\nmkdir: Read-only file system\n');
  });

  test('one that is not there, or no folder, or of no share', async () => {
    const vm = withShare('memory');
    await vm.fs().writeFile('/file', '');
    const codeOf = async (preopens: WasiOptions['preopens'] & object): Promise<unknown> =>
      vm
        .runWasi(files, { preopens })
        .exit.catch((error: unknown) => (error instanceof VmError ? error.message : error));
    expect(await codeOf({ '/': { path: '/none' } })).toBe('ENOENT: no such file or directory, preopen "/none"');
    expect(await codeOf({ '/': { path: '/file' } })).toBe(
      '"/file" of share "host" is no folder that a program could be given',
    );
    expect(await codeOf({ '/': 'c' })).toBe('there is no share "c": the VM has "host"');
  });
});

describe('the program', () => {
  test('writes to both outputs while it runs, and is killed', async () => {
    const vm = withShare('memory');
    const program = vm.runWasi(files, { args: ['stderr', 'begun', 'forever'] });
    for await (const bytes of program.stderr) {
      expect(text(bytes)).toBe('begun\n');
      break;
    }
    await program.kill();
    await expect(program.exit).rejects.toMatchObject({ code: 'stopped', message: 'the program was killed' });
  });

  test('waits while nobody reads', async () => {
    const vm = withShare('memory');
    const program = vm.runWasi(files, { args: ['yes'] });
    let length = 0;
    for await (const bytes of program.stdout) {
      if ((length += bytes.length) > 5_000_000) break;
    }
    await program.kill();
  });

  test('that traps, or is none, or has no _start', async () => {
    const vm = withShare('memory');
    await expect(vm.runWasi(files, { args: ['trap'] }).exit).rejects.toMatchObject({ code: 'trap' });
    await expect(vm.runWasi(Buffer.from('no module')).exit).rejects.toMatchObject({ code: 'bad-file' });
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    await expect(vm.runWasi(empty).exit).rejects.toThrow('it has no _start');
    await expect(vm.runWasi(packaged('test')).exit).rejects.toThrow('it needs more than wasi_snapshot_preview1');
  });

  test('ends with the VM', async () => {
    const vm = withShare('memory');
    const program = vm.runWasi(files, { args: ['stderr', 'begun', 'forever'] });
    for await (const _ of program.stderr) break;
    await vm.dispose();
    await expect(program.exit).rejects.toMatchObject({ code: 'stopped', message: 'the VM was disposed of' });
  });

  test('a link of the host that leads out of the share leads nowhere', async () => {
    const folder = temporaryFolder();
    symlinkSync('/etc/passwd', join(folder, 'link'));
    const vm = createVm({ shares: [{ source: hostFolder(folder) }] });
    onTestFinished(() => vm.dispose());
    expect((await byVm(vm, files, { args: ['cat', '/link'] })).stdout).toMatch(/^cat: /);
  });
});
