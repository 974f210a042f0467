import { describe, expect, test } from 'vitest';
import { helpText, parseArguments, type RunArguments } from '../../src/node/options.ts';
import { parseDrive } from '../../src/node/drive-argument.ts';
import { parseRoot, parseShare } from '../../src/node/share-argument.ts';
import { builtInCommandLine } from '../../src/vm-options.ts';

describe('--share DIR[,tag=NAME][,mount=PATH|none][,ro][,cache=MODE][,msize=N]', () => {
  test.each([
    ['./src', { folder: './src', readOnly: false }],
    ['src,tag=code', { folder: 'src', tag: 'code', readOnly: false }],
    ['src,mount=/home/me/src', { folder: 'src', mount: '/home/me/src', readOnly: false }],
    ['src,mount=none', { folder: 'src', mount: 'none', readOnly: false }],
    ['src,ro', { folder: 'src', readOnly: true }],
    ['src,cache=loose', { folder: 'src', cache: 'loose', readOnly: false }],
    ['src,msize=8192', { folder: 'src', maximumMessageSize: 8192, readOnly: false }],
    ['src,ro,msize=4096,tag=a=b', { folder: 'src', readOnly: true, maximumMessageSize: 4096, tag: 'a=b' }],
    ['a,,b', { folder: 'a,b', readOnly: false }],
    [',,', { folder: ',', readOnly: false }],
    // The comma that is written twice is the first two of three.
    ['a,,,ro', { folder: 'a,', readOnly: true }],
    ['a,mount=/x,,y', { folder: 'a', mount: '/x,y', readOnly: false }],
    ['a,security=mapped', { folder: 'a', readOnly: false, files: { security: 'mapped' } }],
    ['a,hide=*.pem,hide=/a,,b', { folder: 'a', readOnly: false, files: { hide: ['*.pem', '/a,b'] } }],
    ['a,owner=1000:100', { folder: 'a', readOnly: false, files: { owner: { uid: 1000, gid: 100 } } }],
    [
      'a,security=mapped,fmode=0640,dmode=750',
      { folder: 'a', readOnly: false, files: { security: 'mapped', fileMode: 0o640, folderMode: 0o750 } },
    ],
    [
      'a,map=0:1000:1,uidmap=1:100000:65536,gidmap=5:6:7',
      {
        folder: 'a',
        readOnly: false,
        files: {
          uidMap: [
            { guest: 0, host: 1000, count: 1 },
            { guest: 1, host: 100_000, count: 65_536 },
          ],
          gidMap: [
            { guest: 0, host: 1000, count: 1 },
            { guest: 5, host: 6, count: 7 },
          ],
        },
      },
    ],
  ])('%s', (text, expected) => {
    expect(parseShare(text)).toEqual(expected);
  });

  test.each([
    ['', 'starts with the folder'],
    [',ro', 'starts with the folder'],
    ['src,', '""'],
    ['src,rw', '"rw" is none of tag=NAME'],
    ['src,constructor=1', '"constructor=1" is none of tag=NAME'],
    ['src,b=c', 'a comma is written ,,'],
    ['src,ro=yes', 'ro has no value'],
    ['src,tag', 'tag needs a value'],
    ['src,ro,ro', 'ro is given twice'],
    ['src,cache=lose', 'cache=lose is none of none, readahead, mmap, loose, fscache'],
    ['src,msize=64k', '"64k" is not a whole number'],
    ['src,security=full', 'security=full is none of default, mapped, passthrough, none'],
    ['src,owner=me', 'owner=me is not UID:GID'],
    ['src,owner=1000', 'owner=1000 is not UID:GID'],
    ['src,owner=1:4294967295', 'owner: 4294967295 is no number of a user'],
    ['src,map=0:1000', 'map=0:1000 is not GUEST:HOST:COUNT'],
    ['src,map=0:1:0', 'uidMap: 0:1:0 is no range'],
    ['src,gidmap=4294967290:0:9', 'gidMap: 4294967290:0:9 is no range'],
    ['src,map=0:100:10,map=20:105:1', "uidMap: two ranges have the host's number 105"],
    ['src,map=0:100:10,uidmap=9:200:1', "uidMap: two ranges have the guest's number 9"],
    ['src,security=mapped,fmode=644x', 'fmode=644x is no mode in octal digits'],
    ['src,security=mapped,fmode=4755', 'fmode=4755 is no mode in octal digits'],
    ['src,security=mapped,fmode=0440', 'fmode: 0440 keeps this user from the files: it has to include 0600'],
    ['src,security=mapped,dmode=600', 'dmode: 0600 keeps this user from the files: it has to include 0700'],
    ['src,hide=', 'hide: the pattern "" has an empty component'],
    ['src,hide=!a', 'hide: the pattern "!a" begins with !'],
    ['src,dmode=755', 'are for security=mapped'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseShare(text)).toThrow(reason);
  });
});

describe('--root DIR', () => {
  test('takes what a share takes, but no place', () => {
    expect(parseRoot('a,,b,cache=mmap,security=default,ro')).toEqual({
      folder: 'a,b',
      cache: 'mmap',
      files: { security: 'default' },
      readOnly: true,
    });
    expect(parseArguments(['--root', 'debian', '--share', 'src'])).toMatchObject({
      root: { folder: 'debian', readOnly: false },
      shares: [{ folder: 'src' }],
    });
  });

  test.each([
    [['--root', ''], '--root : it starts with the folder'],
    [['--root', 'a,mount=/x'], "--root a,mount=/x: mount is for --share: this folder is the guest's /"],
    [['--root', 'a,cache=lose'], '--root a,cache=lose: cache=lose is none of'],
    [['--root', 'a', '--root', 'b'], '--root is given 2 times'],
    [['--root', 'a', '--initrd', 'none'], 'leave out --initrd'],
  ])('refuses %j', (words, reason) => {
    expect(() => parseArguments(words)).toThrow(reason);
  });
});

describe('--drive FILE[,ro][,overlay=FILE]', () => {
  test.each([
    ['disk.img', { file: 'disk.img', readOnly: false }],
    ['disk.img,ro', { file: 'disk.img', readOnly: true }],
    ['disk.img,overlay=a/b.cow', { file: 'disk.img', readOnly: false, overlay: 'a/b.cow' }],
    ['a,,b,overlay=c,,d=e,ro', { file: 'a,b', readOnly: true, overlay: 'c,d=e' }],
    ['ro', { file: 'ro', readOnly: false }],
  ])('%s', (text, expected) => {
    expect(parseDrive(text)).toEqual(expected);
  });

  test.each([
    ['', 'it starts with the file'],
    [',ro', 'it starts with the file'],
    ['a,rw', '"rw" is neither ro nor overlay=FILE'],
    ['a,', '"" is neither ro nor overlay=FILE'],
    ['a,ro=yes', '"ro=yes" is neither ro nor overlay=FILE'],
    ['a,overlay', 'overlay needs a file: overlay=FILE'],
    ['a,overlay=', 'overlay needs a file: overlay=FILE'],
    ['a,ro,ro', 'ro is given twice'],
    ['a,overlay=b,overlay=c', 'overlay is given twice'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseDrive(text)).toThrow(reason);
  });

  test('several, in their order', () => {
    const { drives } = parseArguments(['--drive', 'b', '--drive', 'a,ro']) as RunArguments;
    expect(drives).toEqual([
      { file: 'b', readOnly: false },
      { file: 'a', readOnly: true },
    ]);
  });
});

describe('a command line', () => {
  test('without words runs a shell with the defaults', () => {
    expect(parseArguments([])).toEqual({
      action: 'run',
      cold: false,
      shares: [],
      drives: [],
      tty: false,
      cpu: 'translator',
      cpuFeatures: {},
      noReboot: false,
      stats: false,
      traces: [],
      quiet: false,
    });
  });

  test('takes values as the next word or behind =', () => {
    const given = parseArguments(['--memory', '64', '--exec=ls -l', '--clock=icount', '-t', '--stats', '--quiet']);
    expect(given).toMatchObject({ memory: 64, exec: 'ls -l', clock: 'icount', tty: true, stats: true, quiet: true });
  });

  test('keeps the order of its shares', () => {
    const given = parseArguments(['--share', 'b', '--no-reboot', '--share', 'a,ro']);
    expect(given).toMatchObject({ shares: [{ folder: 'b' }, { folder: 'a', readOnly: true }], noReboot: true });
  });

  test('joins what is appended', () => {
    expect(parseArguments(['--append', 'loglevel=7', '--append', 'a=b'])).toMatchObject({ append: 'loglevel=7 a=b' });
  });

  test.each([
    ['9p', { what: '9p', file: undefined }],
    ['9p,log.txt', { what: '9p', file: 'log.txt' }],
    ['jit,a,b', { what: 'jit', file: 'a,b' }],
  ])('--trace %s', (value, expected) => {
    expect(parseArguments(['--trace', value])).toMatchObject({ traces: [expected] });
  });

  test.each([
    ['interpreter', { cpu: 'interpreter', cpuFeatures: {} }],
    ['sv48', { cpu: 'translator', cpuFeatures: { sv48: true } }],
    ['svade=on,interpreter,svadu=off', { cpu: 'interpreter', cpuFeatures: { svade: true, svadu: false } }],
  ])('--cpu %s', (value, expected) => {
    expect(parseArguments(['--cpu', value])).toMatchObject(expected);
  });

  test.each([
    ['sv57', '"sv57" is none of translator, interpreter, sv48=on|off, svadu=on|off, svade=on|off'],
    ['sv48=yes', '"sv48=yes" is none of'],
    ['interpreter,', '"" is none of'],
    ['translator,interpreter', 'it is one of translator and interpreter'],
    ['svade,svade=off', 'svade is given twice'],
  ])('refuses --cpu %s', (value, reason) => {
    expect(() => parseArguments(['--cpu', value])).toThrow(reason);
  });

  test('--trace once for each of what can be traced', () => {
    const { traces } = parseArguments(['--trace', '9p', '--trace', 'jit']) as RunArguments;
    expect(traces.map(({ what }) => what)).toEqual(['9p', 'jit']);
  });

  test('--jit-cache is a number of MiB', () => {
    expect(parseArguments(['--jit-cache', '64'])).toMatchObject({ jitCache: 64 });
  });

  test.each(['mmio', 'pci'])('--transport %s', (transport) => {
    expect(parseArguments(['--transport', transport])).toMatchObject({ transport });
  });

  test.each([['x.html'], ['a/b.folded']])('--profile %s', (profile) => {
    expect(parseArguments(['--profile', profile])).toMatchObject({ profile });
  });

  test.each([['--help'], ['-h'], ['--version']])('%s needs nothing else to be right', (word) => {
    expect(parseArguments([word, '--memory', 'x'])).toEqual({ action: word === '--version' ? 'version' : 'help' });
  });

  test.each([
    [['--shares', 'x'], 'no option --shares: --help lists them'],
    [['-x'], 'no option -x'],
    [['src'], '--share src'],
    [['--exec'], '--exec needs a value: --exec COMMAND'],
    [['--exec', '--quiet'], '--exec needs a value'],
    [['--quiet=1'], '--quiet takes no value'],
    [['--memory', '1.5'], '"1.5" is not a whole number'],
    [['--memory', '1', '--memory', '2'], '--memory is given 2 times'],
    [['--clock', 'wall'], 'it is host or icount'],
    [['--transport', 'usb'], '--transport usb: it is mmio or pci'],
    [['--trace', '9p,'], 'it is 9p or jit'],
    [['--trace', 'virtio'], 'it is 9p or jit'],
    [['--trace', 'jit', '--trace', 'jit,file'], '--trace jit is given twice'],
    [['--jit-cache', '15'], 'it is from 16 to 4096 MiB'],
    [['--jit-cache', '4097'], 'it is from 16 to 4096 MiB'],
    [['--jit-cache', 'all'], '"all" is not a whole number'],
    [['--jit-cache', '64', '--cpu', 'interpreter'], '--jit-cache is for --cpu translator'],
    [['--profile', 'x.svg'], 'ends in .html or .folded'],
    [['--profile', '.html'], 'ends in .html or .folded'],
    [['--tty'], '--tty is for --exec COMMAND'],
  ])('refuses %j', (words, reason) => {
    expect(() => parseArguments(words)).toThrow(reason);
  });

  test('takes a value that looks like an option behind =', () => {
    expect(parseArguments(['--exec=--version'])).toMatchObject({ action: 'run', exec: '--version' });
  });
});

test('--help names every option and the built-in kernel command line, in at most 120 columns', () => {
  const text = helpText();
  for (const option of [
    'share',
    'exec',
    'tty',
    'memory',
    'firmware',
    'kernel',
    'initrd',
    'append',
    'stats',
    'trace',
    'clock',
  ]) {
    expect(text).toContain(`--${option}`);
  }
  for (const option of ['root', 'cpu', 'jit-cache', 'transport', 'profile', 'no-reboot', 'quiet', 'version', 'help'])
    expect(text).toContain(`--${option}`);
  expect(text).toContain(builtInCommandLine);
  expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
});
