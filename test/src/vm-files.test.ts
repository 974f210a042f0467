// The files of a share and the worker that owns it: who keeps it, who may wait for it. The worker is in this thread.
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../devices/9p/backend.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { VmError } from '../../src/errors.ts';
import type { ShareChange } from '../../src/share-changes.ts';
import { Vm } from '../../src/vm.ts';
import { memory } from '../devices/9p/backends.ts';
import { FakePlatform, type FakePlatformOptions } from './fake-guest.ts';

const source = { kind: 'test' };

function make(openBackend: FakePlatformOptions['openBackend'] = () => Promise.resolve(memory()), volatile = false) {
  const opened: Backend[] = [];
  const closed: Backend[] = [];
  const platform = new FakePlatform({
    openBackend: async () => {
      const backend = await openBackend();
      opened.push(backend);
      const close = backend.close.bind(backend);
      backend.close = () => {
        closed.push(backend);
        return close();
      };
      return backend;
    },
  });
  const vm = new Vm(platform, { shares: [{ source: { ...source, volatile } }, { source, tag: 'b', readOnly: true }] });
  return { vm, platform, opened, closed };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the worker', () => {
  test('is not there before it is needed, and goes with the last who needs it', async () => {
    const { vm, platform, opened, closed } = make();
    const files = vm.fs();
    expect(platform.workers).toBe(0);
    await files.writeFile('/a', 'x');
    expect([platform.workers, opened.length]).toEqual([1, 1]);
    await vm.start();
    expect([platform.workers, opened.length]).toEqual([1, 2]);
    await files.close();
    expect([platform.workers, closed.length]).toEqual([1, 0]);
    await vm.stop();
    expect([platform.workers, closed.length]).toEqual([0, 2]);
    await vm.dispose();
  });

  test('stays for the files when the machine stops, and runs the next', async () => {
    const { vm, platform, opened } = make();
    await vm.start();
    await vm.fs().writeFile('/a', 'kept');
    await vm.stop();
    expect(platform.workers).toBe(1);
    await vm.start();
    expect(Buffer.from(await vm.fs().readFile('/a')).toString()).toBe('kept');
    expect([platform.machines.length, opened.length]).toEqual([2, 2]);
    await vm.dispose();
    expect(platform.workers).toBe(0);
  });

  test('stays until dispose where files would go with it', async () => {
    const { vm, platform } = make(undefined, true);
    await vm.start();
    await vm.stop();
    expect(platform.workers).toBe(1);
    await vm.dispose();
    expect(platform.workers).toBe(0);
  });

  test('is awaited only while something is under way or a machine runs', async () => {
    const { vm, platform } = make(() => Promise.resolve(stuck(memory())));
    await vm.fs().writeFile('/a', 'x');
    await until(() => !platform.awaited);
    const reading = vm.fs().readFile('/a');
    const refused = expect(reading).rejects.toMatchObject({ code: 'stopped' });
    await vm.fs().stat('/a');
    expect(platform.awaited).toBe(true);
    await vm.fs().close();
    await refused;
    vm.fs().watch(() => undefined);
    await vm.fs().stat('/');
    // What was opened for that is closed a moment later.
    await until(() => !platform.awaited);
    await vm.start();
    expect(platform.awaited).toBe(true);
    await vm.stop();
    expect(platform.awaited).toBe(false);
    await vm.dispose();
  });

  test('that cannot open a share is no end: the next call tries again', async () => {
    let tries = 0;
    const { vm } = make(() =>
      ++tries === 1 ? Promise.reject(new VmError('bad-file', 'it is open in another tab')) : Promise.resolve(memory()),
    );
    await expect(vm.fs().stat('/')).rejects.toMatchObject({ code: 'bad-file', message: 'it is open in another tab' });
    expect((await vm.fs().stat('/')).type).toBe('directory');
    await vm.dispose();
  });

  test('that dies rejects what waits, and another serves the next call and the watches', async () => {
    const { vm, platform } = make(() => Promise.resolve(stuck(memory())));
    const changes: ShareChange[] = [];
    vm.fs('host').watch((change) => changes.push(change));
    await vm.fs().writeFile('/a', 'x');
    const waiting = vm.fs().readFile('/a');
    const refused = expect(waiting).rejects.toMatchObject({ code: 'internal' });
    await vm.fs().stat('/');
    platform.kill(new Error('out of memory'));
    await refused;
    await vm.fs().mkdir('/b');
    await until(() => changes.some(({ path }) => path === '/b'));
    expect(changes.at(-1)).toEqual({ type: 'created', path: '/b' });
    await vm.dispose();
  });
});

describe('dispose', () => {
  test('rejects what is under way, closes the shares, and refuses what comes', async () => {
    const { vm, platform, closed } = make(() => Promise.resolve(stuck(memory())));
    await vm.start();
    await vm.fs().writeFile('/a', 'x');
    const waiting = vm.fs().readFile('/a');
    const refused = expect(waiting).rejects.toMatchObject({ code: 'stopped' });
    await vm.fs().stat('/a');
    await vm.dispose();
    await refused;
    expect([platform.workers, closed.length]).toEqual([0, 2]);
    await expect(vm.fs().stat('/')).rejects.toMatchObject({ code: 'stopped' });
  });

  test('tells when a share could not store what it has', async () => {
    const { vm, platform } = make(() => {
      const backend = memory();
      backend.close = () => {
        throw new Errno('ENOSPC', 'the quota is full');
      };
      return Promise.resolve(backend);
    });
    await vm.fs().stat('/');
    await expect(vm.dispose()).rejects.toThrow('a share cannot be closed: the quota is full');
    expect(platform.workers).toBe(0);
  });
});

test('a machine that fails takes the worker with it', async () => {
  const { vm, platform, closed } = make();
  await vm.start();
  await vm.fs().stat('/');
  platform.machine.end(new Error('x is not a function'));
  await expect(vm.exited).rejects.toMatchObject({
    code: 'internal',
    message: 'the machine failed: x is not a function',
  });
  expect([platform.workers, closed.length]).toEqual([0, 2]);
  expect((await vm.fs().stat('/')).type).toBe('directory');
  await vm.dispose();
});

test('a share that is not there, and a VM without any', () => {
  const { vm } = make();
  expect(() => vm.fs('c')).toThrow('there is no share "c": the VM has "host", "b"');
  expect(() => new Vm(new FakePlatform()).fs()).toThrow('the VM has no share');
});

/** Whose files are never read to their end. */
function stuck<B extends Backend>(backend: B): B {
  backend.read = () => new Promise(() => undefined);
  return backend;
}
