// A folder of the host in the guest, end to end: large files, many files, each cache mode.
import { createHash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hostFolder } from 'vm9';
import { expect, test } from 'vitest';
import { temporaryFolder } from './command-line.ts';
import { output, startWith } from './machine-with-shares.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('64 MiB from the host into the guest, and back under another name', async () => {
  const folder = temporaryFolder();
  const content = randomBytes(64 * 1024 * 1024);
  writeFileSync(join(folder, 'big'), content);
  const vm = await startWith({ source: hostFolder(folder), cache: 'mmap' });
  await output(vm, 'cp big /tmp/big && cp /tmp/big copy');
  await vm.powerOff();
  expect(sha256(readFileSync(join(folder, 'copy')))).toBe(sha256(content));
});

test('2,000 small files made in the guest are on the host, whatever their names', async () => {
  const folder = temporaryFolder();
  const vm = await startWith({ source: hostFolder(folder) });
  await output(
    vm,
    `newline=$(printf 'new\\nline'); bytes=$(printf 'not\\377utf8\\200'); i=0
     while [ $i -lt 2000 ]; do
       case $((i % 4)) in
         0) name="plain$i";;
         1) name="with  spaces $i";;
         2) name="$newline$i";;
         3) name="$bytes$i";;
       esac
       echo "$i" > "$name"; i=$((i + 1))
     done`,
  );
  const expected = Array.from({ length: 2000 }, (_, index) => {
    const names = [`plain${index}`, `with  spaces ${index}`, `new\nline${index}`, `not\xffutf8\x80${index}`];
    return { name: names[index % 4], content: `${index}\n` };
  });
  const found = readdirSync(folder, { encoding: 'buffer' }).map((name) => {
    const path = Buffer.concat([Buffer.from(`${folder}/`), name]);
    return { name: name.toString('latin1'), content: readFileSync(path, 'latin1') };
  });
  const number = ({ content }: { content: string }): number => Number(content);
  expect(found.sort((a, b) => number(a) - number(b))).toEqual(expected);
});

test('cache=loose: what the host replaces is old or new, and never broken', async () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const replace = (name: string, content: string): void => {
    writeFileSync(at('.new'), content);
    renameSync(at('.new'), at(name));
  };
  const vm = await startWith({ source: hostFolder(folder), cache: 'loose' });
  for (const name of ['read', 'written', 'changed', 'removed']) replace(name, 'old\n');
  mkdirSync(at('folder'));
  writeFileSync(at('folder/known'), 'old\n');
  symlinkSync('read', at('link'));
  await output(vm, 'cat read written changed removed link folder/known; ls folder');

  for (const name of ['read', 'written', 'changed']) replace(name, 'new\n');
  unlinkSync(at('removed'));
  rmSync(at('folder'), { recursive: true });
  mkdirSync(at('folder'));
  writeFileSync(at('folder/known'), 'new\n');
  writeFileSync(at('folder/unknown'), 'new\n');
  unlinkSync(at('link'));
  symlinkSync('written', at('link'));

  expect(await output(vm, 'cat read')).toMatch(/^(old|new)\n$/);
  expect(await output(vm, 'cat folder/known')).toMatch(/^(old|new)\n$/);
  expect(await output(vm, 'cat folder/unknown; readlink link; ls folder')).toBe('new\nwritten\nknown\nunknown\n');
  await output(vm, 'echo guest > written; chmod 600 changed; echo made > folder/made; mv read moved');
  expect(await output(vm, 'cat removed 2>&1 || true')).toBe("cat: can't open 'removed': No such file or directory\n");
  await vm.powerOff();
  expect(readFileSync(at('written'), 'latin1')).toBe('guest\n');
  expect(statSync(at('changed')).mode & 0o777).toBe(0o600);
  expect(readdirSync(at('folder')).toSorted()).toEqual(['known', 'made', 'unknown']);
  expect(readFileSync(at('moved'), 'latin1')).toBe('new\n');
});

test.each(['none', 'readahead', 'mmap', 'loose'] as const)('cache=%s', async (cache) => {
  const folder = temporaryFolder();
  const vm = await startWith({ source: hostFolder(folder), cache, maximumMessageSize: 65_536 });
  expect(await output(vm, 'seq 5000 > numbers && sort -rn numbers | tail -1 && grep /mnt/host /proc/mounts')).toMatch(
    /^1\nhost \/mnt\/host 9p \S*msize=65536\b/,
  );
  await vm.powerOff();
  const lines = readFileSync(join(folder, 'numbers'), 'latin1').split('\n');
  expect([lines.length, lines[4999]]).toEqual([5001, '5000']);
});
