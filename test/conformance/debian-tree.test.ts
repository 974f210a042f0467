// Programs of Debian's packages do their work in the guest: what `make debian` makes, by chroot on a share.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { isInDebian, readmeCommands } from '../boot/readme-commands.ts';
import { runInGuest, type Outcome } from '../boot/command-line.ts';
import { debianTree, debianTreeTime, makeDebianTree } from '../debian-tree.ts';

/** Milliseconds for what takes a few seconds on an idle machine. */
const patience = 5 * 60_000;
let obstacle: string | undefined;

beforeAll(() => {
  obstacle = makeDebianTree();
  if (obstacle !== undefined) console.log(`not run: programs of Debian: ${obstacle}`);
}, debianTreeTime);

beforeEach(({ skip }) => skip(obstacle !== undefined, obstacle));

/** Runs `program` with bash in the tree, to its end; an error ends it. */
function inDebian(program: string, options = ',cache=loose'): Promise<Outcome> {
  return runInGuest('./enter bash -euo pipefail', ['--quiet', '--share', `${debianTree}${options}`], {
    input: program,
  });
}

function expectOutput({ status, stdout, stderr }: Outcome, expected: string): void {
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({ status: 0, stdout: expected, stderr: '' });
}

test(
  'gcc and make build a program of two files with the maths library, which runs',
  { timeout: patience },
  async () => {
    const program = `
    mkdir /tmp/program; cd /tmp/program
    cat >main.c <<'END'
    #include <stdio.h>
    #include <stdlib.h>
    #include "words.h"
    int main(void) {
      char line[256];
      double sum = 0;
      while (fgets(line, sizeof line, stdin)) sum += weight(line);
      printf("%.12f\\n", sum);
      return sum > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
END
    cat >words.h <<'END'
    double weight(const char *word);
END
    cat >words.c <<'END'
    #include <math.h>
    #include <string.h>
    #include "words.h"
    double weight(const char *word) { return sqrt((double)strcspn(word, "\\n")); }
END
    printf '%s\\n' 'CFLAGS = -O2 -Wall -Wextra -Werror' 'program: main.o words.o' \\
      '	$(CC) -o $@ $^ -lm' 'main.o words.o: words.h' >Makefile
    make >/dev/null
    make -q
    printf '%s\\n' one three fifteen | ./program`;
    expectOutput(await inDebian(program), `${(Math.sqrt(3) + Math.sqrt(5) + Math.sqrt(7)).toFixed(12)}\n`);
  },
);

test(
  'python3 has its library: integers, hashes, regular expressions, processes, SQLite',
  { timeout: patience },
  async () => {
    const program = `python3 - <<'END'
import hashlib, json, re, sqlite3, subprocess
print(json.dumps({
    'power': str(3 ** 500),
    'hash': hashlib.sha256('čeština'.encode()).hexdigest(),
    'words': re.findall(r'\\b\\w{5}\\b', 'these words are three or five'),
    'process': subprocess.run(['cat'], input='through a pipe', capture_output=True, text=True).stdout,
    'row': sqlite3.connect(':memory:').execute('select upper(?), 6 * 7', ('table',)).fetchone(),
}))
END`;
    const { status, stdout, stderr } = await inDebian(program);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout.toString())).toEqual({
      power: String(3n ** 500n),
      hash: createHash('sha256').update('čeština').digest('hex'),
      words: ['these', 'words', 'three'],
      process: 'through a pipe',
      row: ['TABLE', 42],
    });
  },
);

/** The name that git gives to an object. */
const objectName = (type: string, content: Buffer): Buffer =>
  createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest();

test.each([',cache=loose', ''])(
  'git commits on the share, mounted with "%s"',
  { timeout: patience },
  async (options) => {
    const person = 'A <a@example.org> 1700000000 +0000';
    const program = `
    cd /root; rm -rf repository; git init -q -b main repository; cd repository
    export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
    git config user.name A; git config user.email a@example.org
    echo content >file; git add file; git commit -qm 'The first'
    git fsck --strict 2>&1; git status --porcelain; git rev-parse HEAD
    cd ..; rm -rf repository`;
    const blob = objectName('blob', Buffer.from('content\n'));
    const tree = objectName('tree', Buffer.concat([Buffer.from('100644 file\0'), blob]));
    const commit = `tree ${tree.toString('hex')}\nauthor ${person}\ncommitter ${person}\n\nThe first\n`;
    expectOutput(await inDebian(program, options), `${objectName('commit', Buffer.from(commit)).toString('hex')}\n`);
  },
);

test('sqlite3 keeps a database on the share', { timeout: patience }, async () => {
  const program = `
    cd /root; rm -f numbers.db
    sqlite3 numbers.db 'create table number(n integer primary key, square integer); create index squares on number(square);
      with recursive counter(n) as (select 1 union all select n + 1 from counter where n < 2000)
      insert into number select n, n * n from counter; delete from number where n % 2 = 0;'
    sqlite3 numbers.db 'select count(*), sum(square) from number; pragma integrity_check;'
    rm numbers.db`;
  const odd = Array.from({ length: 1000 }, (_, index) => 2 * index + 1);
  expectOutput(await inDebian(program), `1000|${odd.reduce((sum, n) => sum + n * n, 0)}\nok\n`);
});

test('dpkg knows every package, and finds nothing wrong with one of them', { timeout: patience }, async () => {
  const packages = readFileSync(join(debianTree, '.vm9-debian'), 'utf8').trimEnd().split('\n');
  const program =
    "dpkg --audit; dpkg --verify coreutils libc6; dpkg-query -W -f '${Package} ${Version} ${Architecture}\\n'";
  expectOutput(await inDebian(program), `${packages.toSorted().join('\n')}\n`);
});

test('awk, pager, which and cc are there, the time zone is UTC, and text is UTF-8', { timeout: patience }, async () => {
  const program = `
    awk 'BEGIN { print 6 * 7 }'; nawk 'BEGIN { print 43 }'; which cc; echo paged | pager
    date +%Z; locale charmap; id -un; stat -c '%a %U' /tmp; echo in-shm >/dev/shm/x; cat /dev/shm/x; tail -n 1 /proc/self/comm`;
  expectOutput(await inDebian(program), '42\n43\n/usr/bin/cc\npaged\nUTC\nUTF-8\nroot\n1777 root\nin-shm\ntail\n');
});

const repository = fileURLToPath(new URL('../../', import.meta.url));
test.each(readmeCommands().filter((command) => isInDebian.test(command)))(
  'the README’s %s',
  { timeout: patience },
  (command) => {
    const { status, stderr } = spawnSync('bash', ['-eo', 'pipefail', '-c', command], {
      cwd: repository,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/^vm9: /m) });
  },
);
