// How the recipe gets its packages: pinned, given, newest; with stand-ins for apt and dpkg.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const fetchScript = new URL('../../guest-images/scripts/fetch.sh', import.meta.url).pathname;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** What a package "file" of this test holds. */
const content = (version: string) => `Package: kernel\nVersion: ${version}\n`;

// The mirror's versions stand in $MIRROR_VERSIONS. A package file is its own control file.
const commands = {
  'apt-get': `
    case " $* " in
      *' indextargets '*) echo http://one.invalid/; echo http://two.invalid/ ;;
      *' update '*) grep -q 'URIs: http://two' "$BUILD/apt/debian.sources" ;;
      *' download '*) for last; do :; done; version=\${last#*=}
        printf 'Package: kernel\\nVersion: %s\\n' "$version" >"kernel_\${version/:/%3a}_all.deb" ;;
    esac`,
  'apt-cache': `for version in $MIRROR_VERSIONS; do echo "kernel | $version | http://two.invalid/ trixie/main"; done`,
  'dpkg-deb': `sed -n "s/^$3: //p" "$2"`,
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vm9-fetch-'));
  mkdirSync(join(folder, 'bin'));
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(folder, 'bin', name), `#!/usr/bin/env bash\n${script}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
  writeFileSync(join(folder, 'keyring'), '');
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Runs `obtain` for version 1:2.0, whose file has the hash `sha`. */
function obtain(environment: Record<string, string>, sha = sha256(content('1:2.0'))) {
  const script = `
    set -euo pipefail
    mkdir -p "$BUILD"
    say() { echo "$*" >&2; }
    fail() { say "$*"; exit 1; }
    sha256_of() { sha256sum <"$1" | cut -d' ' -f1; }
    . '${fetchScript}'
    obtain kernel 1:2.0 all ${sha}`;
  const env = {
    PATH: `${folder}/bin:${process.env['PATH']}`,
    BUILD: `${folder}/build`,
    KEYRING: `${folder}/keyring`,
    ...environment,
  };
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { env, encoding: 'utf8' });
  const file = stdout.trim();
  return { status, file: file && readFileSync(file, 'utf8'), said: stderr };
}

test('the pinned version comes from the first mirror that serves the suite', () => {
  expect(obtain({ MIRROR_VERSIONS: '1:2.0 1:2.1' })).toMatchObject({ status: 0, file: content('1:2.0') });
});

test('a mirror that has lost the pinned version is named, with both ways out', () => {
  const { status, said } = obtain({ MIRROR_VERSIONS: '1:2.0+b1 1:2.2' });
  expect(status).toBe(1);
  expect(said).toMatch(/kernel: the mirror has 1:2.0\+b1 1:2.2, and no longer the pinned 1:2.0/);
  expect(said).toMatch(/SOURCE=FILE.*LATEST=1/);
});

test('LATEST takes the newest version, which is not the last in the alphabet', () => {
  const { status, file, said } = obtain({ MIRROR_VERSIONS: '1:2.9 1:2.10 1:2.0', LATEST: '1' });
  expect({ status, file }).toEqual({ status: 0, file: content('1:2.10') });
  expect(said).toMatch(/newest version is 1:2.10/);
});

test('SOURCE is taken without a mirror, and another version than the pinned one is pointed out', () => {
  const source = join(folder, 'given.deb');
  writeFileSync(source, content('1:1.9'));
  const { status, file, said } = obtain({ SOURCE: source, MIRROR_VERSIONS: '' });
  expect({ status, file }).toEqual({ status: 0, file: content('1:1.9') });
  expect(said).toMatch(/version 1:1.9, not the pinned file of 1:2.0: the images will differ/);
  writeFileSync(source, content('1:2.0'));
  expect(obtain({ SOURCE: source, MIRROR_VERSIONS: '' }).said).toBe('');
});

test('a SOURCE that does not exist is an error', () => {
  expect(obtain({ SOURCE: '/nowhere.deb' })).toMatchObject({ status: 1, said: 'SOURCE: no file /nowhere.deb\n' });
});

test('a download with another hash than the pinned one is an error', () => {
  const { status, said } = obtain({ MIRROR_VERSIONS: '1:2.0' }, sha256('something else'));
  expect(status).toBe(1);
  expect(said).toMatch(/its sha256 is \w{64}, pinned is \w{64}/);
});

test('without Debian’s keys nothing is fetched', () => {
  const { status, said } = obtain({ KEYRING: '/nowhere.gpg', MIRROR_VERSIONS: '1:2.0' });
  expect(status).toBe(1);
  expect(said).toMatch(/install Debian's package debian-archive-keyring/);
});
