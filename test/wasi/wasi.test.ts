// WASI programs on a share: each beside node:wasi, which runs the same program on a folder of the host.
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WASI } from 'node:wasi';
import { createVm, hostFolder, memory, VmError, type Vm, type WasiOptions } from 'vm9';
import { describe, expect, onTestFinished, test } from 'vitest';

const files = readFileSync(new URL('files.wasm', import.meta.url));
const packaged = (name: string): Uint8Array =>
  readFileSync(join(dirname(createRequire(import.meta.url).resolve('@wasmer/wasi')), '..', 'tests', `${name}.wasm`));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-wasi-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function withShare(kind: 'memory' | 'host'): Vm {
  const vm = createVm({ shares: [{ source: kind === 'memory' ? memory() : hostFolder(temporaryFolder()) }] });
  onTestFinished(() => vm.dispose());
  return vm;
}

interface Outcome {
  readonly status: number;
  readonly stdout: string;
}

interface NodeOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly preopens?: Record<string, string>;
}

/** Runs a program under node:wasi with `folder` as its "/". */
function byNode(
  program: Uint8Array,
  folder: string,
  { args = [], env = {}, stdin = '', preopens = { '/': folder } }: NodeOptions = {},
): Outcome {
  const streams = temporaryFolder();
  writeFileSync(join(streams, 'in'), stdin);
  const input = openSync(join(streams, 'in'), 'r');
  const output = openSync(join(streams, 'out'), 'w');
  try {
    const wasi = new WASI({
      version: 'preview1',
      args: ['program', ...args],
      env,
      preopens,
      stdin: input,
      stdout: output,
      returnOnExit: true,
    });
    const imports = wasi.getImportObject() as Record<string, Record<string, unknown>>;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(program)), imports);
    const status = wasi.start(instance);
    return { status: status ?? 0, stdout: readFileSync(join(streams, 'out'), 'utf8') };
  } finally {
    closeSync(input);
    closeSync(output);
  }
}

async function byVm(vm: Vm, program: Uint8Array, options: WasiOptions = {}): Promise<Outcome> {
  const { status, stdout } = await vm.runWasi(program, options).output();
  return { status, stdout: text(stdout) };
}

/** What the operations of files.c do. The words of each are parted by "|". */
const cases: Readonly<Record<string, string>> = {
  'write, read, append, overwrite': 'write|/a|one|append|/a|, two|cat|/a|write|/a|3|cat|/a|stat|/a',
  'seek and write in the middle, and beyond the end': 'write|/a|0123456789|patch|/a|4|xyz|patch|/a|20|far|cat|/a',
  'truncate, both ways': 'write|/a|0123456789|truncate|/a|4|cat|/a|truncate|/a|6|stat|/a',
  'a file that is unlinked while it is open': 'write|/a|text|unlinked|/a|stat|/a',
  'append by a flag that is set later': 'write|/a|text|append-flag|/a|cat|/a',
  'exclusive creation': 'new|/a|new|/a',
  folders: 'mkdir|/d|mkdir|/d|mkdir|/d/e|write|/d/f|x|list|/d|list|/|rmdir|/d|unlink|/d/f|rmdir|/d/e|rmdir|/d|list|/',
  'rename: over a file, into a folder, of a folder':
    'write|/a|a|write|/b|b|rename|/a|/b|cat|/b|mkdir|/d|rename|/b|/d/c|rename|/d|/e|cat|/e/c|rename|/none|/x|list|/',
  'hard links': 'write|/a|x|link|/a|/b|stat|/b|unlink|/a|stat|/b|cat|/b',
  'symbolic links': 'write|/a|text|symlink|a|/l|readlink|/l|lstat|/l|stat|/l|cat|/l|symlink|none|/m|cat|/m|list|/',
  times: 'write|/a|x|touch|/a|stat|/a',
  'what is not there, or of another kind':
    'cat|/none|cat|/none/x|write|/none/x|y|write|/f|x|cat|/f/x|mkdir|/d|unlink|/d|rmdir|/f|list|/f|write|/d|x',
  'a path that leads out': 'cat|/../../etc/passwd|write|/../out|x|mkdir|/d|cat|/d/../../etc/passwd',
  'a listing of many calls': 'mkdir|/many|many|list|/many',
  megabytes: 'big|/a|stat|/a',
  'standard input': 'stdin',
  'the environment': 'env|ONE|env|TWO',
  'an exit status': 'exit|7',
};

describe.each(['memory', 'host'] as const)('%s', (kind) => {
  test('files: every operation does what it does under node:wasi', { timeout: 60_000 }, async () => {
    const vm = withShare(kind);
    for (const [name, operations] of Object.entries(cases)) {
      const args = operations.split('|');
      const options = { args, env: { ONE: '1' }, stdin: 'one\ntwo\n' };
      const expected = byNode(files, temporaryFolder(), options);
      expect({ name, ...(await byVm(vm, files, options)) }).toEqual({ name, ...expected });
      for (const entry of await vm.fs().readdir('/')) await vm.fs().rm(`/${entry.name}`, { recursive: true });
    }
  });

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
