// The Debian of `make debian` as the guest's root, by --root: a login shell, owners and device nodes without root on the host,
// dpkg. The host's root makes the machine's user an unprivileged one.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { runVmPath, temporaryFolder, runProgram, type Outcome } from '../boot/command-line.ts';
import { TerminalSession } from '../boot/terminal-session.ts';
import { debianTree, debianTreeTime, makeDebianTree } from '../debian-tree.ts';

/** Milliseconds for what takes a few seconds on an idle machine. */
const patience = 5 * 60_000;
/** Packages stay here from run to run. */
const packages = fileURLToPath(new URL('../../guest-images/build/debian-packages', import.meta.url));

const isRoot = process.getuid?.() === 0;
/** Nobody, of Debian and its relatives. */
const user = isRoot ? 65_534 : process.getuid?.();
const asUser = isRoot ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'] : [];

let obstacle: string | undefined;
/** A copy of the tree, the user's. */
let root: string;

beforeAll(() => {
  obstacle = makeDebianTree() ?? whyNotAsUser();
  if (obstacle !== undefined) {
    console.log(`not run: Debian as root: ${obstacle}`);
    return;
  }
  root = mkdtempSync(join(debianTree, '../debian-root-'));
  // cp could not read what only the host's root may; a change of the owner would take set-user-ID away.
  const words = (...more: string[]): string => ['tar --xattrs --xattrs-include=user.*', ...more].join(' ');
  if (isRoot) execFileSync('chown', [`${user}:${user}`, root]);
  const copy = `${words('-C', debianTree, '-c .')} | ${asUser.join(' ')} ${words('-C', root, '-xp')}`;
  execFileSync('bash', ['-euo', 'pipefail', '-c', copy]);
}, debianTreeTime);

afterAll(() => {
  if (obstacle === undefined) rmSync(root, { recursive: true });
}, patience);

beforeEach(({ skip }) => skip(obstacle !== undefined, obstacle));

function whyNotAsUser(): string | undefined {
  const { status, error } = spawnSync('env', [...asUser, 'test', '-r', runVmPath]);
  if (error !== undefined) throw error;
  if (status === 127) return "the host's root needs setpriv, to be an unprivileged user";
  return status === 0 ? undefined : `${runVmPath} may not be read by an unprivileged user`;
}

/** Runs `program` with bash in the tree, to its end; an error ends it. */
function inDebian(program: string, words: readonly string[] = []): Promise<Outcome> {
  return runProgram(
    [...asUser, process.execPath, runVmPath, '--quiet', '--root', root, ...words, '--exec', 'bash -euo pipefail'],
    {
      input: program,
    },
  );
}

async function outputOf(program: string, words?: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await inDebian(program, words);
  expect({ status, stdout: stdout.toString(), stderr }).toMatchObject({ status: 0, stderr: '' });
  return stdout.toString();
}

test(
  'a login shell on a terminal, as Debian has it; leaving it switches the machine off',
  { timeout: patience },
  async () => {
    const session = new TerminalSession(['--quiet', '--root', root], { columns: 101, rows: 33, before: asUser });
    const prompt = /root@vm9:~# (\x1b\[6n)?$/;
    await session.until(prompt);
    await session.ask('echo $0 $(tty) $SHELL $PWD', /^-bash \/dev\/hvc0 \/bin\/bash \/root\r\n/m);
    await session.ask(
      'stty size; echo $PATH',
      /^33 101\r\n\/usr\/local\/sbin:\/usr\/local\/bin:\/usr\/sbin:\/usr\/bin:\/sbin:\/bin\r\n/m,
    );
    session.resize(120, 40);
    await session.ask('sleep 0.5; stty size', /^40 120\r\n/m);
    session.type('exit\r');
    expect(await session.ended).toBe(0);
  },
);

test(
  'the system is whole: what is mounted, names, packages, and no script of them left to run',
  { timeout: patience },
  async () => {
    const known = readFileSync(join(debianTree, '.vm9-debian'), 'utf8').trimEnd().split('\n');
    const program = `
    hostname; id -un; pwd; tr '\\0' ' ' </proc/1/comm
    for path in / /dev /dev/pts /dev/shm /proc /sys /run /tmp; do findmnt -no FSTYPE $path; done | xargs
    stat -c '%a %U' / /tmp /run /run/lock /root; ls /proc/self/fd >/dev/null; echo >/dev/null
    dpkg-query -Wf '\${db:Status-Status}\\n' | sort | uniq -c | xargs
    dpkg --audit; dpkg --verify passwd util-linux libpam-modules bash; test -s /etc/ld.so.cache
    getent shadow root | cut -d: -f1; id -u _apt; cc --version | head -n 1 | cut -d' ' -f1; awk 'BEGIN { print 6 * 7 }'`;
    expect(await outputOf(program)).toBe(
      'vm9\nroot\n/root\ninit\n9p devtmpfs devpts tmpfs proc sysfs tmpfs tmpfs\n' +
        `755 root\n1777 root\n755 root\n1777 root\n700 root\n${known.length} installed\nroot\n42\ncc\n42\n`,
    );
  },
);

test(
  'what belongs to others belongs to them, and set-user-ID works for a user of the guest',
  { timeout: patience },
  async () => {
    const program = `
    stat -c '%U:%G %a' /etc/shadow /usr/bin/chage /usr/sbin/unix_chkpwd /var/mail /usr/bin/su | xargs
    adduser --quiet --disabled-password --comment '' alice >/dev/null
    echo 'root:a secret' | chpasswd
    as_alice() { su alice -s /bin/bash -c "cd; $1"; }
    as_alice 'id -un; pwd; cat /etc/shadow 2>&1 || true'
    as_alice 'chage -l alice | head -n 1 | cut -d: -f1 | xargs'
    as_alice 'umask 027; echo mine >file; mkdir folder; ln -s file link; stat -c "%U:%G %a" file folder link | xargs'
    as_alice 'chown root file 2>&1 || true; rm /etc/passwd 2>&1 || true'
    as_alice 'echo "a secret" | su -c "id -u" 2>/dev/null; echo wrong | su -c id 2>/dev/null || echo refused'`;
    expect(await outputOf(program)).toBe(
      'root:shadow 640 root:shadow 2755 root:shadow 2755 root:mail 2775 root:root 4755\n' +
        'alice\n/home/alice\ncat: /etc/shadow: Permission denied\nLast password change\n' +
        'alice:alice 640 alice:alice 750 alice:alice 777\n' +
        "chown: changing ownership of 'file': Operation not permitted\n" +
        "rm: cannot remove '/etc/passwd': Permission denied\n0\nrefused\n",
    );
    // For a machine that is started anew, and for the host all of it is the user's.
    expect(await outputOf(`stat -c '%U:%G %a %F' /home/alice/file /home/alice/link`)).toBe(
      'alice:alice 640 regular file\nalice:alice 777 symbolic link\n',
    );
    const { uid, mode } = lstatSync(join(root, 'home/alice/link'));
    expect([uid, mode & 0o7777]).toEqual([user, 0o600]);
  },
);

test(
  'device nodes, pipes, sockets, hard links, SUID and locks are there for the next machine',
  { timeout: patience },
  async () => {
    const look = `stat -c '%n %F %t,%T %a %h' null disk fifo socket suid again; printf x >null; head -c 3 zero | od -An -tx1`;
    const make = `
    rm -rf /srv/kinds; mkdir /srv/kinds; cd /srv/kinds
    mknod null c 1 3; mknod zero c 1 5; mknod disk b 259 70000; mkfifo -m 620 fifo
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    echo program >suid; chown 7:8 suid; chmod 6711 suid; ln suid again
    flock lock sh -c 'flock -n lock true || echo held'; flock -n lock echo free
    (echo through >fifo &) ; cat fifo\n`;
    const seen =
      'null character special file 1,3 644 1\n' +
      'disk block special file 103,11170 644 1\nfifo fifo 0,0 620 1\nsocket socket 0,0 755 1\n' +
      'suid regular file 0,0 6711 2\nagain regular file 0,0 6711 2\n 00 00 00\n';
    expect(await outputOf(make + look)).toBe(`held\nfree\nthrough\n${seen}`);
    expect(await outputOf(`cd /srv/kinds; ${look}`)).toBe(seen);
    for (const name of ['null', 'disk', 'fifo', 'socket', 'suid']) {
      const stat = lstatSync(join(root, 'srv/kinds', name));
      expect([name, stat.isFile(), stat.uid, stat.mode & 0o7777]).toEqual([name, true, user, 0o600]);
    }
  },
);

test('dpkg installs a package, which runs and is known, and removes it', { timeout: patience }, async () => {
  const script = fileURLToPath(new URL('debian-package.sh', import.meta.url));
  const file = execFileSync(script, [packages, 'hello'], { encoding: 'utf8' }).trim();
  const folder = temporaryFolder();
  writeFileSync(join(folder, basename(file)), readFileSync(file));
  if (isRoot) for (const path of [folder, join(folder, basename(file))]) chownSync(path, user!, user!);
  const installed = await outputOf(
    `dpkg -i /mnt/host/*.deb >/dev/null; dpkg -s hello | sed -n '/^Status/p'; hello; dpkg --verify hello`,
    ['--share', `${folder},ro`],
  );
  expect(installed).toBe('Status: install ok installed\nHello, world!\n');
  const removed = await outputOf(
    `hello -t; dpkg -L hello | grep bin/; dpkg -S /usr/bin/hello; dpkg -r hello >/dev/null
     dpkg -s hello 2>&1 | head -n 1 || true; ls /usr/bin/hello 2>&1 || true; dpkg --audit`,
  );
  expect(removed).toBe(
    'hello, world\n/usr/bin/hello\nhello: /usr/bin/hello\n' +
      "dpkg-query: package 'hello' is not installed and no information is available\n" +
      "ls: cannot access '/usr/bin/hello': No such file or directory\n",
  );
});

test(
  'what is written last is on the host when the machine is off, and the status is the command’s',
  { timeout: patience },
  async () => {
    const make =
      'import hashlib, sys; data = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(100000)); open("/srv/last", "wb").write(data)';
    const { status } = await inDebian(`python3 -c '${make}'; exit 42`);
    expect(status).toBe(42);
    const expected = createHash('sha256');
    for (let n = 0; n < 100_000; n++) expected.update(createHash('sha256').update(String(n)).digest());
    const written = createHash('sha256').update(readFileSync(join(root, 'srv/last')));
    expect(written.digest('hex')).toBe(expected.digest('hex'));
    expect(await inDebian('kill -9 $$')).toMatchObject({ status: 128 + 9 });
    expect(await inDebian('poweroff; sleep 100')).toMatchObject({ status: 0, stderr: '' });
    const restarted = await inDebian('reboot; sleep 100', ['--no-reboot']);
    expect(restarted).toMatchObject({ status: 0, stderr: '' });
  },
);

test('a root that may not be written', { timeout: patience }, async () => {
  onTestFinished(() => rmSync(join(root, 'srv/new'), { force: true }));
  const { status, stdout } = await runProgram([
    ...asUser,
    process.execPath,
    runVmPath,
    '--quiet',
    '--root',
    `${root},ro`,
    '--exec',
    'touch /srv/new 2>&1; echo x >/tmp/x; cat /tmp/x',
  ]);
  expect({ status, stdout: stdout.toString() }).toEqual({
    status: 0,
    stdout: "touch: cannot touch '/srv/new': Read-only file system\nx\n",
  });
});

test('a profile knows the programs, though no busybox is there to ask', { timeout: patience }, async () => {
  const folder = temporaryFolder();
  if (isRoot) chownSync(folder, user!, user!);
  const profile = join(folder, 'profile.folded');
  await outputOf('for i in 1 2 3; do sha256sum /usr/bin/git; done >/dev/null', ['--profile', profile]);
  const lines = readFileSync(profile, 'utf8').trimEnd().split('\n');
  expect(lines.filter((line) => /^sha256sum;.*\(sha256sum\)/.test(line))).not.toEqual([]);
  expect(lines.filter((line) => /^(vm9-profile|unknown);/.test(line))).toEqual([]);
});
