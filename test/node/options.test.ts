import { describe, expect, test } from 'vitest';
import { helpText, parseArguments, parseShare, type RunArguments } from '../../src/node/options.ts';
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
  ])('%s', (text, expected) => {
    expect(parseShare(text)).toEqual(expected);
  });

  test.each([
    ['', 'starts with the folder'],
    [',ro', 'starts with the folder'],
    ['src,', '""'],
    ['src,rw', '"rw" is not tag=NAME'],
    ['src,b=c', 'a comma is written ,,'],
    ['src,ro=yes', 'ro has no value'],
    ['src,tag', 'tag needs a value'],
    ['src,ro,ro', 'ro is given twice'],
    ['src,cache=lose', 'cache=lose is none of none, readahead, mmap, loose, fscache'],
    ['src,msize=64k', '"64k" is not a whole number'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseShare(text)).toThrow(reason);
  });
});

describe('a command line', () => {
  test('without words runs a shell with the defaults', () => {
    expect(parseArguments([])).toEqual({
      action: 'run',
      shares: [],
      tty: false,
      clock: 'host',
      cpu: 'translator',
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

  test('--trace once for each of what can be traced', () => {
    const { traces } = parseArguments(['--trace', '9p', '--trace', 'jit']) as RunArguments;
    expect(traces.map(({ what }) => what)).toEqual(['9p', 'jit']);
  });

  test('--jit-cache is a number of MiB', () => {
    expect(parseArguments(['--jit-cache', '64'])).toMatchObject({ jitCache: 64 });
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
    [['--trace', '9p,'], 'it is 9p or jit'],
    [['--trace', 'virtio'], 'it is 9p or jit'],
    [['--trace', 'jit', '--trace', 'jit,file'], '--trace jit is given twice'],
    [['--jit-cache', '0'], 'it is from 1 to 1024 MiB'],
    [['--jit-cache', '1025'], 'it is from 1 to 1024 MiB'],
    [['--jit-cache', 'all'], '"all" is not a whole number'],
    [['--jit-cache', '8', '--cpu', 'interpreter'], '--jit-cache is for --cpu translator'],
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
  for (const option of ['share', 'exec', 'tty', 'memory', 'kernel', 'initrd', 'append', 'stats', 'trace', 'clock']) {
    expect(text).toContain(`--${option}`);
  }
  for (const option of ['cpu', 'jit-cache', 'profile', 'no-reboot', 'quiet', 'version', 'help'])
    expect(text).toContain(`--${option}`);
  expect(text).toContain(builtInCommandLine);
  expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
});
