// Real work by Debian's programs, in the guest of vm9 and in QEMU's by turns.
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianTree } from '../debian-tree.ts';
import { cProgram } from './c-program.ts';
import { forget, reportWork, work, type Task } from './debian-work.ts';

const archiveSize = 20_000_000;

const loop = `
total, words = 0, {}
for n in range(300000):
    total = (total * 31 + n) % 1000003
    word = "w%d" % (total % 997)
    words[word] = words.get(word, 0) + 1
print(total, len(words), max(words.values()))`;
const tasks: readonly Task[] = [
  {
    title: `gcc -O1 of ${cProgram().split('\n').length - 1} lines`,
    run: 'gcc -O1 -o /tmp/program /tmp/program.c',
    after: '/tmp/program',
  },
  { title: 'python3 -c, a loop of 300,000', run: `python3 -c '${loop}'` },
  { title: 'find / -type f, nothing cached', before: forget, run: 'find / -xdev -type f | wc -l' },
  {
    title: `tar of ${archiveSize / 1e6} MB, nothing cached`,
    before: forget,
    run: `tar -cf /tmp/files.tar --owner=0 --group=0 -C / -T ${work}/files`,
    after: 'cksum </tmp/files.tar',
  },
  { title: 'gzip of that', run: 'gzip -nc /tmp/files.tar >/tmp/files.tar.gz', after: 'cksum </tmp/files.tar.gz' },
];

/** Files of the tree with as many bytes as are asked for: headers, scripts and programs as they come. */
function someFiles(bytes: number): string[] {
  const paths: string[] = [];
  for (const folder of ['usr/include', 'usr/share/perl', 'usr/lib/git-core', 'usr/lib/gcc']) {
    const entries = readdirSync(join(debianTree, folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    for (const path of files.toSorted()) {
      const { size } = statSync(path);
      if (size > bytes) continue;
      bytes -= size;
      paths.push(path.slice(debianTree.length + 1));
    }
  }
  return paths;
}

function fill(folder: string): void {
  writeFileSync(join(folder, 'program.c'), cProgram());
  writeFileSync(join(folder, 'files'), `${someFiles(archiveSize).join('\n')}\n`);
}

await reportWork({ title: 'Debian’s programs', tasks, fill, prepare: `cp ${work}/program.c /tmp/` });
