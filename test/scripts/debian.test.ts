// How `make debian` makes its tree, with stand-ins for apt, dpkg, the mirror and the guest: two packages, one of which is
// base-files.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = new URL('../../scripts/debian/build.sh', import.meta.url).pathname;

// A package file of this test is a tar archive of `control/` and `data.tar`. $MIRROR is a folder with packages, and `plan` and
// `available` as apt prints them. What is called is in $LOG.
const commands = {
  'apt-get': `
    echo "apt-get" >>"$LOG"
    case " $* " in
      *' update '*) test -e "$MIRROR" ;;
      *' -s install '*) cat "$MIRROR/plan" ;;
      *' --download-only install '*) cp "$MIRROR"/*.deb "$BUILD/apt/cache/archives" ;;
    esac`,
  'apt-cache': 'cat "$MIRROR/available"',
  'dpkg-deb': `
    echo "dpkg-deb $1 $(basename "$2")" >>"$LOG"
    case $1 in
      --fsys-tarfile)
        tar -xOf "$2" data.tar
        case "$2" in *$KILLED_AT*) kill -9 $PPID ;; esac ;;
      -e) mkdir "$3" && tar -xf "$2" -C "$3" --strip-components=1 control ;;
    esac`,
  // The guest, in which dpkg makes /etc/shadow: run-vm.js --quiet --root TREE,security=default --exec COMMAND.
  node: `
    echo "guest" >>"$LOG"
    tree=$(echo "\${4%,security=default}" | sed 's/,,/,/g')
    cat >"$tree/owners"
    if test -n "$REFUSED"; then echo "$REFUSED" >&2; exit 1; fi
    case $6 in *'dpkg --configure -a'*) touch "$tree/etc/shadow" ;; esac`,
};

let folder: string;
let tree: string;

interface Package {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** Whose its files are, beside root. */
  readonly group?: number;
  readonly control?: Readonly<Record<string, string>>;
}

const packages: Package[] = [
  {
    name: 'mawk',
    files: { 'bin/mawk': 'a program', 'etc/mawkrc': 'settings' },
    control: { postinst: 'touch "$DIR.was-run"\n', conffiles: '/etc/mawkrc\n' },
    group: 42,
  },
  {
    name: 'base-files',
    files: {
      'usr/bin/true': '',
      'usr/share/base-passwd/passwd.master': 'root:*:0:0:root:/root:/bin/bash\n',
      'etc/dpkg/origins/debian': '',
      'var/run/.empty': '',
    },
    links: { bin: 'usr/bin' },
  },
];

function writeIn(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** Puts a package's file on the mirror. Returns its paragraph of the mirror's list. */
function publish({ name, files, links = {}, control = {}, group = 0 }: Package): string {
  const parts = join(folder, 'parts', name);
  writeIn(join(parts, 'data'), files);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(parts, 'data', path));
  const description = `Package: ${name}\nVersion: 1:2.0\nArchitecture: riscv64\nInstalled-Size: 1000\n`;
  writeIn(join(parts, 'control'), { control: description, ...control });
  rmSync(join(parts, 'data/var/run/.empty'), { force: true });
  const file = join(folder, 'mirror', `${name}_1%3a2.0_riscv64.deb`);
  const owner = ['--numeric-owner', '--owner=0', `--group=${group}`];
  spawnSync('tar', ['-cf', 'data.tar', ...owner, '-C', 'data', '.'], { cwd: parts });
  spawnSync('tar', ['-cf', file, 'control', 'data.tar'], { cwd: parts });
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  return `${description}SHA256: ${digest}\n\n`;
}

/** The mirror has these from now on, and apt would install them all. */
function serve(offered: readonly Package[]): void {
  rmSync(join(folder, 'parts'), { recursive: true, force: true });
  writeFileSync(join(folder, 'mirror/available'), offered.map((one) => publish(one)).join(''));
  const plan = offered.map(({ name }) => `Inst ${name} (1:2.0 Debian:13/stable [riscv64]) []\n`);
  writeFileSync(join(folder, 'mirror/plan'), `Reading package lists...\n${plan.join('')}`);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vm9-make-debian-'));
  tree = join(folder, 'tree');
  for (const name of ['bin', 'mirror']) mkdirSync(join(folder, name));
  for (const [name, text] of Object.entries(commands)) {
    writeFileSync(join(folder, 'bin', name), `#!/usr/bin/env bash\n${text}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
  writeFileSync(join(folder, 'keyring'), '');
  serve(packages);
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Makes the tree. */
function make(environment: Readonly<Record<string, string>> = {}) {
  const env = {
    PATH: `${folder}/bin:${process.env['PATH']}`,
    BUILD: `${folder}/build`,
    KEYRING: `${folder}/keyring`,
    MIRROR: `${folder}/mirror`,
    LOG: `${folder}/log`,
    KILLED_AT: 'nothing',
    REFUSED: '',
    DIR: tree,
    ...environment,
  };
  const { status, signal, stderr } = spawnSync('bash', ['--norc', script], { env, encoding: 'utf8' });
  return { status, signal, said: stderr };
}

const read = (path: string): string => readFileSync(join(tree, path), 'utf8');
const calls = (): string[] => readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n');

test('packages are unpacked, links of base-files first, and configured by the guest alone', () => {
  expect(make()).toMatchObject({ status: 0 });
  expect(read('usr/bin/mawk')).toBe('a program');
  expect(readlinkSync(join(tree, 'bin'))).toBe('usr/bin');
  expect(readlinkSync(join(tree, 'usr/bin/awk'))).toBe('mawk');
  expect(readlinkSync(join(tree, 'var/run'))).toBe('/run');
  expect(read('etc/passwd')).toMatch(/^root:/);
  expect(statSync(join(tree, 'tmp')).mode & 0o7777).toBe(0o1777);
  for (const program of ['enter', 'usr/local/sbin/poweroff', 'usr/local/sbin/reboot'])
    expect(statSync(join(tree, program)).mode & 0o777).toBe(0o755);
  expect(readdirSync(folder).filter((name) => name.startsWith('tree'))).toEqual(['tree']);
  expect(calls().at(-1)).toBe('guest');
  expect(read('owners').split('\n').toSorted()).toEqual(
    ['', '0:42\t/', '0:42\t/bin/', '0:42\t/bin/mawk', '0:42\t/etc/', '0:42\t/etc/mawkrc'].toSorted(),
  );
});

test('scripts that fail in the guest are told of, and repeated by the next run', () => {
  expect(make({ REFUSED: 'dpkg: error' })).toMatchObject({
    status: 1,
    said: expect.stringMatching(/dpkg: error\n.*did not come to their end: run it again/),
  });
  expect(existsSync(tree)).toBe(false);
  rmSync(join(folder, 'log'));
  expect(make({ MIRROR: '/nowhere' })).toMatchObject({ status: 0 });
  expect(calls()).toEqual(['guest']);
});

test('a comma in the name of the folder is none of the option’s', () => {
  tree = join(folder, 'a,b');
  expect(make()).toMatchObject({ status: 0 });
  expect(read('usr/bin/mawk')).toBe('a program');
});

test('a tree of an earlier version, which was never configured, is named', () => {
  make();
  rmSync(join(tree, 'etc/shadow'));
  expect(make()).toMatchObject({ status: 1, said: expect.stringMatching(/never configured.*remove it/) });
});

test('dpkg finds what is unpacked, with its files, scripts and settings', () => {
  make();
  const digest = createHash('md5').update('settings').digest('hex');
  expect(read('var/lib/dpkg/status')).toContain(
    'Package: mawk\nStatus: install ok unpacked\nVersion: 1:2.0\nArchitecture: riscv64\nInstalled-Size: 1000\n' +
      `Conffiles:\n /etc/mawkrc ${digest}\n\n`,
  );
  expect(read('var/lib/dpkg/info/mawk.list').split('\n').toSorted()).toEqual(
    ['', '/.', '/bin', '/bin/mawk', '/etc', '/etc/mawkrc'].toSorted(),
  );
  expect(read('var/lib/dpkg/info/mawk.postinst')).toMatch(/was-run/);
});

test('a tree that is there is left as it is', () => {
  make();
  rmSync(join(folder, 'log'));
  expect(make({ MIRROR: '/nowhere' })).toMatchObject({ status: 0, said: expect.stringMatching(/there already/) });
  expect(make({ PACKAGES: 'vim' })).toMatchObject({ status: 1, said: expect.stringMatching(/without vim/) });
  expect(existsSync(join(folder, 'log'))).toBe(false);
});

test('a run that is killed leaves no tree, and the next one goes on where it was, without a mirror', () => {
  expect(make({ KILLED_AT: 'mawk' })).toMatchObject({ signal: 'SIGKILL' });
  expect(existsSync(tree)).toBe(false);
  rmSync(join(folder, 'log'));
  expect(make({ MIRROR: '/nowhere' })).toMatchObject({ status: 0 });
  expect(calls()).toEqual([
    'dpkg-deb --fsys-tarfile mawk_1%3a2.0_riscv64.deb',
    'dpkg-deb -e mawk_1%3a2.0_riscv64.deb',
    'guest',
  ]);
  expect(read('usr/bin/mawk')).toBe('a program');
  expect(read('var/lib/dpkg/status').match(/^Package: /gm)).toHaveLength(2);
});

test('a run for other packages than the killed one begins anew', () => {
  make({ KILLED_AT: 'mawk' });
  const more: Package = { name: 'more', files: { 'usr/bin/more': '' } };
  serve([...packages, more]);
  expect(make({ PACKAGES: 'more' })).toMatchObject({ status: 0, said: expect.stringMatching(/starting over/) });
  expect(calls().filter((call) => call === 'dpkg-deb -e base-files_1%3a2.0_riscv64.deb')).toHaveLength(2);
  expect(read('.vm9-debian')).toBe('mawk 1:2.0 riscv64\nbase-files 1:2.0 riscv64\nmore 1:2.0 riscv64\n');
});

test('a damaged package is fetched again; one that is damaged on the mirror is named', () => {
  make();
  const file = 'mawk_1%3a2.0_riscv64.deb';
  writeFileSync(join(folder, 'build/apt/cache/archives', file), 'damaged');
  expect(make({ DIR: `${tree}2` })).toMatchObject({ status: 0 });
  writeFileSync(join(folder, 'build/apt/cache/archives', file), 'damaged');
  writeFileSync(join(folder, 'mirror', file), 'damaged');
  expect(make({ DIR: `${tree}3` })).toMatchObject({
    status: 1,
    said: expect.stringMatching(/signed list.*mawk=1:2.0/),
  });
});

test('a folder with other files is left alone', () => {
  mkdirSync(tree);
  writeFileSync(join(tree, 'thesis'), '');
  expect(make()).toMatchObject({ status: 1, said: expect.stringMatching(/has other files/) });
  expect(readdirSync(tree)).toEqual(['thesis']);
});

test('too little room is said before it is filled', () => {
  writeFileSync(join(folder, 'bin/df'), `#!/bin/sh\necho header\necho disk 1 1 1000 0% /\n`);
  chmodSync(join(folder, 'bin/df'), 0o755);
  expect(make()).toMatchObject({ status: 1, said: expect.stringMatching(/needs 1 MB, and there are 0 MB free/) });
  rmSync(join(folder, 'bin/df'));
  expect(make()).toMatchObject({ status: 0 });
});

test('what is not installed on the machine is named', () => {
  const links = join(folder, 'links');
  mkdirSync(links);
  for (const name of readdirSync('/usr/bin'))
    if (!/^(apt-|dpkg|node$)/.test(name)) symlinkSync(`/usr/bin/${name}`, join(links, name));
  symlinkSync(process.execPath, join(links, 'node'));
  expect(make({ PATH: links })).toMatchObject({
    status: 1,
    said: expect.stringMatching(/not installed: apt-get apt-cache dpkg-deb \(/),
  });
});

test('without a folder there is a word of usage', () => {
  expect(make({ DIR: '' })).toMatchObject({ status: 2, said: expect.stringMatching(/make debian DIR=FOLDER/) });
});
