// Every test that THREATS.md names exists, under that name, and every limit is a word of the code.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const text = readFileSync(new URL('THREATS.md', root), 'utf8');
const named = [...text.matchAll(/^- (test\/\S+): (.+)$/gm)].map(([, file = '', title = '']) => ({ file, title }));
const threats = text
  .split(/^(?=## )/m)
  .filter((section) => section.startsWith('## ') && !section.startsWith('## Limits'));

/** Whether the source has a test of that title: a string, which ends where the title does. */
function hasTest(source: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) => {
    const written = quote === "'" ? title.replaceAll("'", String.raw`\'`) : title;
    return source.includes(`${written}${quote}`);
  });
}

test.each(named)('$file has "$title"', ({ file, title }) => {
  const url = new URL(file, root);
  expect(existsSync(url)).toBe(true);
  expect(hasTest(readFileSync(url, 'utf8'), title)).toBe(true);
});

test('every threat has a test', () => {
  expect(named.length).toBeGreaterThan(80);
  for (const section of threats) {
    const [heading, ...paragraphs] = section.split('\n\n');
    // What introduces a section may stand alone; each paragraph of a threat ends in its tests.
    for (const paragraph of paragraphs.filter((each) => each.trim() !== ''))
      expect(paragraph, heading).toMatch(/\n- test\//);
  }
});

test('every limit is a constant of the code', () => {
  const sources = ['fids', 'xattr', 'schedule', 'server', 'names', 'memory', 'messages', 'memory/name-tree', 'locks']
    .map((name) => `devices/9p/${name}.ts`)
    .concat(
      'devices/virtio/chain.ts',
      'devices/virtio/block.ts',
      'devices/virtio/device.ts',
      'src/node/node-fs/descriptors.ts',
      'src/node/node-fs/listings.ts',
    )
    .map((file) => readFileSync(new URL(file, root), 'utf8'))
    .join('\n');
  const rows =
    text
      .split('## Limits')[1]
      ?.match(/^\| [^|-].*$/gm)
      ?.slice(1) ?? [];
  expect(rows.length).toBeGreaterThan(10);
  for (const [, constant = ''] of rows.flatMap((row) => [...row.matchAll(/`([A-Za-z]+)`/g)]))
    expect(sources, constant).toMatch(new RegExp(`\\b${constant}\\b`));
});
