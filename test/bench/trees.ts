// Trees of many files: git, tar and find of Debian over them, in the guest of vm9 and in QEMU's by turns.
import { execFileSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forget, reportWork, work, type Task } from './debian-work.ts';

const perFolder = 100;
const [inRepository, inArchive, inMany] = [10_000, 5_000, 100_000];
/** Git reads a file again that is no older than its index: seconds since 1970. */
const longAgo = 1_700_000_000;

/** Only the programs are cached. */
const before = (program: string): string => `${forget}; ${program} --version >/tmp/version`;
const tasks: readonly Task[] = [
  {
    title: `git status, ${inRepository.toLocaleString('en')} files`,
    before: before('git'),
    // Another's repository, if it was not root who made it.
    run: ({ name }) => `git -c safe.directory='*' -C ${work}/${name} status --porcelain`,
  },
  {
    title: `tar c of ${inArchive.toLocaleString('en')} files`,
    before: before('tar'),
    // To a pipe: what goes to /dev/null tar does not read.
    run: `tar -C ${work} -c archive | wc -c`,
  },
  {
    title: `find -type f, ${inMany.toLocaleString('en')} files`,
    before: before('find'),
    run: `find ${work}/many -type f | wc -l`,
  },
];

function makeTree(folder: string, count: number, contents: (index: number) => string): void {
  for (let index = 0; index < count; index++) {
    const parent = join(folder, String(Math.floor(index / perFolder)));
    if (index % perFolder === 0) mkdirSync(parent, { recursive: true });
    const path = join(parent, `file-${index % perFolder}`);
    writeFileSync(path, contents(index));
    utimesSync(path, longAgo, longAgo);
  }
}

const lines = (index: number): string => `line ${index}\n`.repeat(100 + (index % 100));

function makeRepository(folder: string): void {
  makeTree(folder, inRepository, lines);
  const git = (...words: string[]): void => {
    execFileSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-C', folder, ...words], {
      // Nothing of who runs the bench.
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    });
  };
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'Files');
  // Something to be found.
  writeFileSync(join(folder, '1', 'file-1'), 'changed\n');
  writeFileSync(join(folder, '2', 'new'), 'new\n');
}

function fill(folder: string): void {
  // One for each guest: git keeps in its index what it has seen of a file, such as its inode number.
  for (const name of ['vm9', 'QEMU']) makeRepository(join(folder, name));
  makeTree(join(folder, 'archive'), inArchive, lines);
  makeTree(join(folder, 'many'), inMany, () => '');
}

await reportWork({ title: 'trees of files', tasks, fill, goal: 3 });
