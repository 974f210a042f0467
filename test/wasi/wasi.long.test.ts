// Each operation of WASI on files of a share, beside node:wasi, which runs the same program on a folder of the host.
import { describe, expect, test } from 'vitest';
import { byNode, byVm, files, temporaryFolder, withShare } from './beside-node.ts';

/** What the operations of files.c do. The words of each are parted by "|". */
const cases: Readonly<Record<string, string>> = {
  'write, read, append, overwrite': 'write|/a|one|append|/a|, two|cat|/a|write|/a|3|cat|/a|stat|/a',
  'seek and write in the middle, and beyond the end': 'write|/a|0123456789|patch|/a|4|xyz|patch|/a|20|far|cat|/a',
  'truncate, both ways': 'write|/a|0123456789|truncate|/a|4|cat|/a|truncate|/a|6|stat|/a',
  'a file that is unlinked while it is open': 'write|/a|text|unlinked|/a|stat|/a',
  'append by a flag that is set later': 'write|/a|text|append-flag|/a|cat|/a',
  'exclusive creation': 'new|/a|new|/a',
  folders: 'mkdir|/d|mkdir|/d|mkdir|/d/e|write|/d/f|x|list|/d|list|/|rmdir|/d|unlink|/d/f|rmdir|/d/e|rmdir|/d|list|/',
  'rename: over a file, into a folder, of a folder':
    'write|/a|a|write|/b|b|rename|/a|/b|cat|/b|mkdir|/d|rename|/b|/d/c|rename|/d|/e|cat|/e/c|rename|/none|/x|list|/',
  'hard links': 'write|/a|x|link|/a|/b|stat|/b|unlink|/a|stat|/b|cat|/b',
  'symbolic links': 'write|/a|text|symlink|a|/l|readlink|/l|lstat|/l|stat|/l|cat|/l|symlink|none|/m|cat|/m|list|/',
  times: 'write|/a|x|touch|/a|stat|/a',
  'what is not there, or of another kind':
    'cat|/none|cat|/none/x|write|/none/x|y|write|/f|x|cat|/f/x|mkdir|/d|unlink|/d|rmdir|/f|list|/f|write|/d|x',
  'a path that leads out': 'cat|/../../etc/passwd|write|/../out|x|mkdir|/d|cat|/d/../../etc/passwd',
  'a listing of many calls': 'mkdir|/many|many|list|/many',
  megabytes: 'big|/a|stat|/a',
  'standard input': 'stdin',
  'the environment': 'env|ONE|env|TWO',
  'an exit status': 'exit|7',
};

describe.each(['memory', 'host'] as const)('%s', (kind) => {
  test('every operation does what it does under node:wasi', { timeout: 60_000 }, async () => {
    const vm = withShare(kind);
    for (const [name, operations] of Object.entries(cases)) {
      const args = operations.split('|');
      const options = { args, env: { ONE: '1' }, stdin: 'one\ntwo\n' };
      const expected = byNode(files, temporaryFolder(), options);
      expect({ name, ...(await byVm(vm, files, options)) }).toEqual({ name, ...expected });
      for (const entry of await vm.fs().readdir('/')) await vm.fs().rm(`/${entry.name}`, { recursive: true });
    }
  });
});
