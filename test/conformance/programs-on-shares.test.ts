// What people do with their files, done by Debian's programs on a folder of the host, which the host then looks at: git, SQLite
// with a write-ahead log, tar, make, and a tree of many small files. The programs come from a share of their own (make debian).
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { runInGuest, temporaryFolder } from '../boot/command-line.ts';
import { debianTree, debianTreeTime, makeDebianTree } from '../debian-tree.ts';

/** Milliseconds for what takes ten seconds on an idle machine. */
const patience = 8 * 60_000;
let obstacle: string | undefined;

beforeAll(() => {
  obstacle = makeDebianTree();
  if (obstacle !== undefined) console.log(`not run: Debian's programs on shares: ${obstacle}`);
}, debianTreeTime);

beforeEach(({ skip }) => skip(obstacle !== undefined, obstacle));

/** Runs `program` with bash in Debian's tree, in `folder` of the host mounted with `cache`. Returns what it prints. */
async function work(folder: string, cache: string, program: string): Promise<string> {
  const shares = [
    `${debianTree},cache=loose`,
    // Into the tree that is mounted already.
    `${folder},tag=work,mount=/mnt/host/mnt,cache=${cache}`,
  ];
  const { status, stdout, stderr } = await runInGuest(
    './enter bash -euo pipefail',
    ['--quiet', ...shares.flatMap((share) => ['--share', share])],
    { input: `cd /mnt\n${program}` },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.toString();
}

const settings = `export GIT_CONFIG_COUNT=3 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=A \\
  GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=a@example.org GIT_CONFIG_KEY_2=init.defaultBranch GIT_CONFIG_VALUE_2=main`;

test.each(['none', 'loose'])(
  'git clones, commits, packs and checks, cache=%s',
  { timeout: patience },
  async (cache) => {
    const folder = temporaryFolder();
    const program = `
    ${settings}
    git init -q origin; cd origin
    for commit in $(seq 12); do
      mkdir -p part$commit
      for file in $(seq 25); do echo "$commit $file $((commit * file))" >part$commit/file$file; done
      ln -sfn part$commit latest; git add .; git commit -qm "commit $commit"
    done
    cd ..; git clone -q origin clone; cd clone
    git checkout -q -b other HEAD~5; echo more >>part1/file1; git commit -qam 'On a branch'
    git checkout -q main; git merge -q -m 'Together' other
    git mv part2 renamed; git commit -qm 'Renamed'; git stash list; git gc -q --prune=now; git fsck --strict --full 2>&1
    git status --porcelain; git log --oneline | wc -l; git ls-files | wc -l; find .git/objects -name '*.pack' | wc -l`;
    expect(await work(folder, cache, program)).toBe('15\n301\n1\n');
    // The host's git sees the same, and does not doubt whose it is.
    const git = (...words: string[]): string => {
      const { status, stdout, stderr } = spawnSync('git', ['-C', join(folder, 'clone'), ...words], {
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout;
    };
    expect(git('status', '--porcelain')).toBe('');
    expect(git('rev-list', '--count', 'HEAD').trim()).toBe('15');
    expect(readFileSync(join(folder, 'clone/part1/file1'), 'utf8')).toBe('1 1 1\nmore\n');
  },
);

test('SQLite keeps a write-ahead log, which three processes write to', { timeout: patience }, async () => {
  const folder = temporaryFolder();
  const program = `
    sqlite3 numbers.db 'pragma journal_mode = wal; create table number(writer integer, n integer);'
    write() {
      for n in $(seq 60); do echo ".timeout 60000
        begin immediate; insert into number values ($1, $n); insert into number values ($1, -$n); commit;"; done |
        sqlite3 numbers.db
    }
    write 1 & write 2 & write 3 & wait
    test -e numbers.db-wal || echo 'no log is left by the last to close it'
    sqlite3 numbers.db 'select count(*), count(distinct writer), sum(n), sum(abs(n)) from number; pragma integrity_check;
      pragma journal_mode;'`;
  expect(await work(folder, 'mmap', program)).toBe(
    `wal\nno log is left by the last to close it\n360|3|0|${3 * 60 * 61}\nok\nwal\n`,
  );
});

test.each(['none', 'loose'])('tar packs and unpacks what is there, cache=%s', { timeout: patience }, async (cache) => {
  const folder = temporaryFolder();
  const program = `
    mkdir from; cp -a /usr/include/linux from/
    ln -s linux/stddef.h from/link; ln from/linux/stddef.h from/again; chmod 600 from/linux/types.h
    touch -d '1985-10-26 01:21:00.5' from/linux/if.h; chown -h 1000:1001 from/linux/fs.h; truncate -s 64M from/sparse
    tar -cSf tree.tar from; mkdir to; tar -xSpf tree.tar -C to
    tar -df tree.tar -C to; diff -r --no-dereference from/linux to/from/linux
    stat -c '%h %s %U' to/from/again; stat -c '%u:%g %a %s' to/from/linux/fs.h to/from/linux/types.h | cut -d' ' -f1,2
    stat -c %s to/from/sparse; du -k to/from/sparse | cut -f1; TZ=UTC stat -c %y to/from/linux/if.h | cut -c1-19`;
  const output = await work(folder, cache, program);
  const [linked, owned, private_, size, used, time] = output.trimEnd().split('\n');
  expect(linked).toMatch(/^2 \d+ root$/);
  expect({ owned, private_, size, time }).toEqual({
    owned: '1000:1001 644',
    private_: '0:0 600',
    size: String(64 * 2 ** 20),
    time: '1985-10-26 01:21:00',
  });
  expect(Number(used)).toBeLessThan(100);
});

test('make builds a project of forty files, and again what has changed', { timeout: patience }, async () => {
  const folder = temporaryFolder();
  const program = `
    mkdir project; cd project
    for n in $(seq 40); do echo "#include \\"common.h\\"
      int part$n(void) { return SCALE * $n; }" >part$n.c; done
    echo '#define SCALE 2' >common.h
    { for n in $(seq 40); do echo "int part$n(void);"; done; echo '#include <stdio.h>'; echo 'int main(void) { int sum = 0;'
      for n in $(seq 40); do echo "sum += part$n();"; done; echo 'printf("%d\\n", sum); return 0; }'; } >main.c
    printf '%s\\n' 'objects := $(patsubst %.c,%.o,$(wildcard *.c))' 'sum: $(objects)' '	$(CC) -o $@ $^' \\
      '%.o: %.c common.h' '	$(CC) -O0 -c -o $@ $<' >Makefile
    make -j3 >/dev/null; ./sum; make -q
    sleep 1; echo '#define SCALE 3' >common.h; make | grep -c -- ' -c '; ./sum
    sleep 1; touch part7.c; make | grep -c -- ' -c '; make -q`;
  expect(await work(folder, 'none', program)).toBe('1640\n41\n2460\n1\n');
  expect(readdirSync(join(folder, 'project')).filter((name) => name.endsWith('.o')).length).toBe(41);
});

/** Packages of fifty files: 20,000 files with full counts. */
const packages = process.env['VM9_SCALE'] === 'full' ? 400 : 120;

test('a tree of many files as npm makes them, moved and removed', { timeout: patience }, async () => {
  const folder = temporaryFolder();
  const program = `
    python3 - <<'END'
import json, os
os.makedirs('app/node_modules/.bin')
for package in range(${packages}):
    root = f'app/node_modules/package-{package}'
    os.makedirs(f'{root}/lib/parts')
    for index in range(49):
        name = f'{root}/lib/parts/file-{index}.js' if index % 2 else f'{root}/lib/file-{index}.js'
        with open(name, 'w') as file:
            file.write(f'module.exports = {package * index};\\n' * 10)
    with open(f'{root}/package.json.tmp', 'w') as file:
        json.dump({'name': f'package-{package}', 'main': 'lib/file-0.js'}, file)
    os.rename(f'{root}/package.json.tmp', f'{root}/package.json')
    os.symlink(f'../package-{package}/lib/file-0.js', f'app/node_modules/.bin/package-{package}')
END
    find app -type f | wc -l; find app -type l | wc -l
    mv app/node_modules app/modules; cat app/modules/.bin/package-${packages - 1} | wc -l
    find app -name '*.js' -type f -print0 | xargs -0 cat | wc -c
    rm -r app/modules/package-2?; find app -type f | wc -l`;
  let bytes = 0;
  for (let one = 0; one < packages; one++) {
    for (let index = 0; index < 49; index++) bytes += 10 * `module.exports = ${one * index};\n`.length;
  }
  expect(await work(folder, 'loose', program)).toBe(
    `${packages * 50}\n${packages}\n10\n${bytes}\n${(packages - 10) * 50}\n`,
  );
  expect(readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length).toBe(
    (packages - 10) * 50,
  );
});
