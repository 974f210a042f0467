// A backend of which names are hidden: the conformance suite, and what is hidden, at once and by a store that has to wait.
import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags, renameFlags, type Backend, type OutsideChange } from '../../../devices/9p/backend.ts';
import { HiddenNames } from '../../../devices/9p/hidden-names.ts';
import { HidingBackend } from '../../../devices/9p/hiding.ts';
import { backendSuite } from '../../backend-suite.ts';
import { bytes, Guest, nobodySpecial, refused, text } from '../../backend-suite/guest.ts';
import { memory } from './backends.ts';

const capabilities = {
  timeTolerance: 0n,
  chown: true,
  specials: true,
  setIds: true,
  exchange: true,
  changesOrphans: true,
  xattrs: true,
};

for (const pattern of ['never', 'never/**/seen'])
  backendSuite(
    `MemoryBackend that hides ${pattern}`,
    () => {
      const backend = memory();
      const hiding = new HidingBackend(backend, new HiddenNames([pattern]));
      return { backend: hiding, handles: () => backend.handleCount, dispose: () => hiding.close() };
    },
    capabilities,
  );

/** Every operation on names and folders settles in a promise. */
function slow(backend: Backend): Backend {
  const methods: readonly string[] = [
    'lookup',
    'parent',
    'name',
    'getattr',
    'open',
    'readdir',
    'rename',
    'mkdir',
    'unlink',
  ];
  return new Proxy(backend, {
    get(target, name: keyof Backend) {
      const method = target[name];
      if (typeof method !== 'function') return method;
      return (...parameters: readonly unknown[]): unknown => {
        const act = (): unknown => Reflect.apply(method, target, parameters);
        return methods.includes(name) ? Promise.resolve().then(act) : act();
      };
    },
  });
}

describe.each([
  ['at once', (backend: Backend) => backend],
  ['later', slow],
])('hidden names, %s', (_, over) => {
  let store: ReturnType<typeof memory>;
  let owner: Guest;
  let guest: Guest;

  beforeEach(async () => {
    store = memory();
    owner = new Guest(store);
    for (const folder of ['secrets', 'a', 'a/secrets', 'other', 'deep', 'deep/keys']) await owner.mkdir(folder);
    for (const file of ['x.pem', 'a/y.pem', 'a/file', 'secrets/inside', 'a/secrets/s', 'deep/keys/one', 'deep/two'])
      await owner.file(file, file);
    guest = new Guest(new HidingBackend(over(store), new HiddenNames(['*.pem', '/secrets', 'deep/keys/one'])));
  });

  test('are not found, nor listed', async () => {
    expect(await guest.names('')).toEqual(['a', 'deep', 'other']);
    expect(await guest.names('a')).toEqual(['file', 'secrets']);
    expect(await guest.names('deep/keys')).toEqual([]);
    for (const path of ['x.pem', 'a/y.pem', 'secrets', 'deep/keys/one']) expect(await guest.find(path)).toBeUndefined();
    expect(await guest.content('a/secrets/s')).toBe('a/secrets/s');
  });

  test('are not made, whether or not they are there: EPERM', async () => {
    const { backend } = guest;
    const root = await guest.root();
    const file = await guest.at('a/file');
    const keys = await guest.at('deep/keys');
    for (const [folder, name] of [
      [root, 'x.pem'],
      [root, 'new.pem'],
      [root, 'secrets'],
      [keys, 'one'],
    ] as const) {
      for (const flags of [openFlags.readOnly, openFlags.readWrite | openFlags.exclusive])
        await refused(() => backend.create(folder, bytes(name), flags, 0o644, nobodySpecial), 'EPERM');
      await refused(() => backend.mkdir(folder, bytes(name), 0o755, nobodySpecial), 'EPERM');
      await refused(() => backend.mknod(folder, bytes(name), 0o100644, 0n, nobodySpecial), 'EPERM');
      await refused(() => backend.symlink(folder, bytes(name), bytes('x'), nobodySpecial), 'EPERM');
      await refused(() => backend.link(file, folder, bytes(name)), 'EPERM');
      await refused(() => backend.unlink(folder, bytes(name), false), 'ENOENT');
      await refused(() => backend.rename(folder, bytes(name), root, bytes('seen'), 0), 'ENOENT');
    }
    await refused(() => guest.rename('a/file', 'a/file.pem'), 'EPERM');
    await refused(() => guest.rename('a', 'secrets', renameFlags.exchange), 'EPERM');
    expect(await owner.content('x.pem')).toBe('x.pem');
    expect(await owner.names('secrets')).toEqual(['inside']);
  });

  test('do not come to light by a folder’s new name', async () => {
    for (const [from, to] of [
      ['deep', 'shallow'],
      ['deep/keys', 'keys'],
      ['deep/keys', 'other/keys'],
    ] as const)
      await refused(() => guest.rename(from, to), 'EPERM');
    await refused(() => guest.rename('other', 'deep', renameFlags.exchange), 'EPERM');
    await refused(() => guest.rename('deep/keys', 'other', renameFlags.exchange), 'EPERM');
    await guest.rename('deep/two', 'two');
    await guest.rename('other', 'deep/other');
    await guest.rename('a', 'deep/a');
    expect(await guest.names('deep')).toEqual(['a', 'keys', 'other']);
    expect(await guest.names('deep/a')).toEqual(['file', 'secrets']);
    expect(await guest.names('deep/keys')).toEqual([]);
  });

  test('keep a folder from being removed', async () => {
    await refused(() => guest.rmdir('deep/keys'), 'ENOTEMPTY');
    await guest.unlink('deep/two');
  });

  test('are hidden in a folder that the owner moves while it is open', async () => {
    const folder = await guest.open('other', openFlags.readOnly);
    await owner.file('other/one');
    expect((await guest.entries(folder)).map(({ name }) => name)).toContain('one');
    await owner.rename('deep/keys', 'old');
    await owner.rename('other', 'deep/keys');
    expect((await guest.entries(folder)).map(({ name }) => name)).not.toContain('one');
    await guest.release(folder);
  });

  test('leave nothing held', async () => {
    const held = store.handleCount;
    await guest.names('deep/keys');
    await refused(() => guest.rename('deep', 'shallow'), 'EPERM');
    await guest.find('x.pem');
    await guest.leave();
    expect(store.handleCount).toBe(held);
  });

  test('make no changes that are told', () => {
    let tell: (change: OutsideChange) => void = () => undefined;
    const watched = Object.assign(Object.create(store) as Backend, {
      watch: (listener: typeof tell) => {
        tell = listener;
        return () => undefined;
      },
    });
    const told: string[] = [];
    const hiding = new HidingBackend(watched, new HiddenNames(['*.pem', '/secrets']));
    hiding.watch?.(({ type, path, from }) =>
      told.push([type, path.map(text).join('/'), from?.map(text).join('/')].join(' ')),
    );
    const at = (path: string): Uint8Array[] => path.split('/').map(bytes);
    tell({ type: 'created', path: at('x.pem') });
    tell({ type: 'changed', path: at('secrets/a/b') });
    tell({ type: 'changed', path: at('a/secrets') });
    tell({ type: 'renamed', path: at('b'), from: at('a') });
    tell({ type: 'renamed', path: at('b'), from: at('a.pem') });
    tell({ type: 'renamed', path: at('secrets'), from: at('a') });
    tell({ type: 'renamed', path: at('x.pem'), from: at('y.pem') });
    expect(told).toEqual(['changed a/secrets ', 'renamed b a', 'created b ', 'removed a ']);
    expect(new HidingBackend(store, new HiddenNames([])).watch).toBeUndefined();
  });
});
