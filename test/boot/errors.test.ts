// What is wrong on the command line is told in one line, with status 2, before anything boots.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runVm, temporaryFolder } from './command-line.ts';

describe('one line, status 2:', () => {
  test.each([
    [['--nonsense'], 'there is no option --nonsense: --help lists them'],
    [['--share', './nope'], '--share ./nope: there is no such folder'],
    [['--share', 'file'], '--share file: it is not a folder, and only folders can be shared'],
    [
      ['--share', 'a', '--share', 'b,tag=host'],
      'two shares have the tag "host": give one of them another with tag=NAME',
    ],
    [
      ['--share', 'a', '--share', 'b', '--share', 'c/b'],
      'two shares have the tag "b": give one of them another with tag=NAME',
    ],
    [
      Array.from({ length: 7 }, () => ['--share', 'a']).flat(),
      '7 shares, but the machine has slots for 6: leave some out',
    ],
    [['--root', 'a'], expect.stringMatching(/^--root a: there is no bin\/sh in it: a riscv64 system is needed/)],
    [['--memory', '1'], 'memory (in MiB) is 1: it must be a whole number from 16 to 2048'],
    [['--firmware', 'nope'], '--firmware nope: there is no such file'],
    [['--kernel', 'none'], 'there is no kernel: give a firmware, or another kernel'],
    [['--kernel', 'nope'], '--kernel nope: there is no such file'],
    [['--initrd', 'a'], '--initrd a: it is a folder, not a file'],
    [['--append', 'x'.repeat(2000)], expect.stringContaining('Linux keeps 1023: append less')],
    [['--profile', 'nope/x.html'], expect.stringContaining('--profile nope/x.html: it cannot be written')],
    [['--trace', '9p,nope/file'], expect.stringContaining('--trace 9p,nope/file: it cannot be written')],
    [['--kernel', 'file', '--initrd', 'none'], expect.stringMatching(/kernel/)],
  ])('%j', async (words, line) => {
    const folder = temporaryFolder();
    for (const name of ['a', 'b', 'c', 'c/b']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'file'), 'not a kernel');
    const { status, stdout, stderr } = await runVm(words, { cwd: folder });
    expect({ status, output: stdout.toString() }).toEqual({ status: 2, output: '' });
    expect(stderr).toMatch(/^vm9: [^\n]*\n$/);
    expect(stderr.slice('vm9: '.length, -1)).toEqual(line);
  });

  test('a folder that may not be read', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'closed'));
    chmodSync(join(folder, 'closed'), 0);
    // root may read everything: then it is shared after all.
    const { status, stderr } = await runVm(['--share', 'closed', '--exec', 'true'], { cwd: folder });
    if (process.getuid?.() === 0) expect(status).toBe(0);
    else
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: 'vm9: --share closed: the folder may not be read by this user\n',
      });
  });
});

test('--version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect((await runVm(['--version'])).stdout.toString()).toBe(`vm9 ${version}\n`);
});

test('--help', async () => {
  const { status, stdout } = await runVm(['--help']);
  expect(status).toBe(0);
  expect(stdout.toString()).toContain('console=ttyS0');
});
