import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HiddenNames, type HiddenNamesOptions } from '../../../devices/9p/hidden-names.ts';
import { bytes } from '../../backend-suite/guest.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function isHidden(names: HiddenNames, path: readonly Uint8Array[]): boolean {
  let place = names.root;
  for (const name of path) {
    const below = names.below(place, name);
    if (below === 'hidden') return true;
    place = below;
  }
  return false;
}

function hides(pattern: string, path: string, options?: HiddenNamesOptions): boolean {
  return isHidden(new HiddenNames([pattern], options), path.split('/').map(utf8));
}

describe('a pattern', () => {
  test.each([
    ['.env', ['.env', 'a/.env', 'a/b/.env/c'], ['env', '.env2', 'a.env', '.ENV']],
    ['build/', ['build', 'a/build', 'a/build/b'], ['builds']],
    ['*.pem', ['a.pem', '.pem', 'a/b.pem'], ['a.pem.txt', 'pem']],
    ['/secrets', ['secrets', 'secrets/a'], ['a/secrets']],
    ['a/b', ['a/b', 'a/b/c'], ['b', 'a', 'x/a/b', 'a/c/b']],
    ['a/*/c', ['a/b/c'], ['a/c', 'a/b/d/c']],
    ['a/**/c', ['a/c', 'a/b/c', 'a/b/d/c'], ['c', 'b/a/c']],
    ['**/a/b', ['a/b', 'x/a/b', 'x/y/a/b'], ['a/x/b', 'b']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'b']],
    ['**', ['a', 'a/b'], []],
    ['?', ['a', 'ä', '😀'], ['', 'ab']],
    ['[a-c]x[!0-9]', ['axy', 'cx-'], ['dxy', 'ax5', 'bx']],
    ['[]^-]', [']', '^', '-'], ['a']],
    ['[^]]', ['a'], [']']],
    ['[\\]a]', [']', 'a'], ['\\']],
    ['\\*\\!', ['*!'], ['a!', '\\*!']],
    ['*a*b*a*', ['aba', 'xxaxbxax', 'abba'], ['ab', 'baa', 'ba']],
    ['naïve*', ['naïve', 'naïve.txt'], ['naive', 'nai\u0308ve']],
    ['{a,b}', ['{a,b}'], ['a']],
  ])('%s', (pattern, hidden, shown) => {
    expect(hidden.filter((path) => !hides(pattern, path))).toEqual([]);
    expect(shown.filter((path) => hides(pattern, path))).toEqual([]);
  });

  test('matches letters of any case, in any form, where the store does', () => {
    for (const path of ['SECRET.key', 'secret.KEY', 'Secret.Key'])
      expect(hides('Secret.key', path, { ignoreCase: true })).toBe(true);
    expect(hides('NAÏVE', 'nai\u0308ve', { ignoreCase: true })).toBe(true);
    expect(hides('Secret', 'secret')).toBe(false);
  });

  test('matches bytes that are no UTF-8 by wildcards only, each as a character', () => {
    const one = (pattern: string, name: string): boolean => isHidden(new HiddenNames([pattern]), [bytes(name)]);
    expect([one('a?b', 'a\xffb'), one('a*', 'a\xc3'), one('a??', 'a\xff\xfe'), one('[!a]', '\xff')]).toEqual(
      Array(4).fill(true),
    );
    expect([one('aÿb', 'a\xffb'), one('a?', 'a\xff\xfe'), one('[ÿ]', '\xff')]).toEqual([false, false, false]);
  });

  test.each([
    ['!a', 'begins with !'],
    ['', 'empty component'],
    ['/', 'empty component'],
    ['a//b', 'empty component'],
    ['../a', 'has the component ".."'],
    ['./a', 'has the component "."'],
    ['a[b', 'a [ without its ]'],
    ['[', 'a [ without its ]'],
    ['[]', 'a [ without its ]'],
    ['a\\', 'ends with a \\'],
  ])('refuses %j', (pattern, reason) => {
    expect(() => new HiddenNames([pattern])).toThrow(reason);
  });

  test('of wildcards matches as a regular expression', () => {
    const piece = fc.constantFrom('a', 'b', '*', '?', '**', 'aa');
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.stringMatching(/^[ab]{1,12}$/),
        (pieces, name) => {
          const pattern = pieces.join('');
          fc.pre(!/^\*\*$/.test(pattern));
          const expected = new RegExp(`^${pattern.replace(/\*+/g, '.*').replaceAll('?', '.')}$`).test(name);
          expect(hides(pattern, name)).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('with many * is compared, where a regular expression would not end', () => {
    expect(hides(`${'*a'.repeat(60)}*b`, 'a'.repeat(255))).toBe(false);
    expect(hides(`${'*a'.repeat(60)}*`, 'a'.repeat(255))).toBe(true);
  });
});

test('a place hides at least what another does where it has all of its patterns before it', () => {
  const names = new HiddenNames(['a/x', '**/deep/y', '/b/x']);
  const at = (path: string): readonly number[] => {
    let place = names.root;
    for (const name of path.split('/').filter((one) => one !== ''))
      place = names.below(place, utf8(name)) as readonly number[];
    return place;
  };
  expect(names.hidesAtLeast(at('c'), at('a'))).toBe(true);
  expect(names.hidesAtLeast(at('a'), at('c'))).toBe(false);
  expect(names.hidesAtLeast(at('a'), at('b'))).toBe(false);
  expect(names.hidesAtLeast(at('c/d'), at('e'))).toBe(true);
  expect(names.hidesAtLeast(at('c/deep'), at('deep'))).toBe(true);
  expect(names.hidesAtLeast(at('deep'), at('c'))).toBe(false);
});
