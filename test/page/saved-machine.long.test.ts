// A machine as a file: saved by the menu of the page and dropped on it again; from the command line into the page, and back.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { isolatingHeaders } from '../../scripts/static-server.js';
import { LinuxPage, builtSite, serve } from './linux-page.ts';
import { choose, drop, resumed, save, temporaryFolder } from './machine-file.ts';

const site = builtSite();
const program = fileURLToPath(new URL('../../run-vm.js', import.meta.url));

async function runVm(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...words]);
  return stdout;
}

/** What the RAM of a guest that stands still would show. */
const digest = 'sha256sum < /tmp/random';

test.each([
  ['isolated', isolatingHeaders],
  ['not isolated', {}],
])('a guest goes from Node.js into a page that is %s, with its program and its share, and back', async (_, headers) => {
  const folder = temporaryFolder();
  const fromNode = join(folder, 'node.vm9');
  writeFileSync(join(folder, 'notes'), 'of the host\n');
  const left = [
    'head -c 3000000 /dev/urandom > /tmp/random',
    digest,
    '(while :; do echo tick >> /tmp/ticks; sleep 0.1; done) > /dev/null 2>&1 &',
  ].join('\n');
  const before = await runVm('--memory', '64', '--share', folder, '--exec', left, '--save', fromNode);
  expect(before).toMatch(/^[0-9a-f]{64}  -\n$/);

  // Its service worker would isolate it.
  const url = await serve(site(), { headers });
  const linux = await LinuxPage.boot(url, {
    prepare: async (page) => {
      if (!('Cross-Origin-Opener-Policy' in headers))
        await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'serviceWorker'));
    },
  });
  const { page } = linux;
  expect(await page.evaluate(() => crossOriginIsolated)).toBe('Cross-Origin-Opener-Policy' in headers);
  await linux.run('echo of the page > notes');
  await choose(linux, fromNode);
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await resumed(linux);
  await linux.prompt();
  expect(await linux.run(digest)).toBe(before.trim());
  // The share's tag leads to the page's own folder.
  expect(await linux.run('cat /mnt/host/notes')).toBe('of the page');
  const ticks = 'wc -l < /tmp/ticks';
  const first = Number(await linux.run(ticks));
  expect(Number(await linux.run(`sleep 1; ${ticks}`))).toBeGreaterThan(first);
  expect(await linux.run('date +%s | cut -c1-8')).toBe(String(Math.floor(Date.now() / 1000)).slice(0, 8));

  const fromPage = await save(linux);
  const script = `${digest}; cat /mnt/host/notes; a=$(${ticks}); sleep 1; test $(${ticks}) -gt $a && echo ticks`;
  const after = await runVm('--share', folder, '--resume', fromPage, '--exec', script);
  expect(after).toBe(`${before}of the host\nticks\n`);
});

test('a machine is saved by the menu, runs on, and goes on from the file', async () => {
  const url = await serve(site());
  const linux = await LinuxPage.boot(url);
  const { page } = linux;
  await linux.run('exec 3<> notes; echo one >&3; sixes=66; uname > /tmp/only-in-ram');
  const file = await save(linux);
  expect(await linux.run('rm /tmp/only-in-ram; sixes=7; echo two >> notes; echo $sixes')).toBe('7');

  // Nothing ends for a file that cannot be used.
  const broken = join(temporaryFolder(), 'broken.vm9');
  writeFileSync(broken, readFileSync(file).subarray(0, 100_000));
  await choose(linux, broken);
  await page.getByText(/^broken\.vm9: the snapshot is cut short, 100000 of/).waitFor();
  expect(await linux.run('echo $sixes')).toBe('7');

  await drop(linux, file);
  await page.getByRole('dialog', { name: 'Resume linux.vm9' }).getByRole('button', { name: 'Resume' }).click();
  await resumed(linux);
  // The shell draws its prompt anew.
  await linux.prompt();
  expect(await linux.run('echo $sixes; cat /tmp/only-in-ram; echo three >&3; cat notes; stty size')).toMatch(
    /^66\nLinux\none\nthree\n\d\d \d\d+$/,
  );
});

test('a file that needs what the page has not is refused, and the machine runs on', async () => {
  const folder = temporaryFolder();
  const [foreign, data] = [join(folder, 'foreign.vm9'), join(folder, 'data.vm9')];
  writeFileSync(foreign, 'neither this nor that');
  await runVm('--memory', '64', '--share', `${folder},tag=data,mount=/data`, '--exec', 'true', '--save', data);
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await linux.run('mine=yes');
  await choose(linux, foreign);
  await page.getByText(/^foreign\.vm9: this is no snapshot of a vm9 machine/).waitFor();
  await choose(linux, data);
  await page.getByText(/^data\.vm9: its machine needs the folder "data" at \/data, and this page has "host"/).waitFor();
  const older = readFileSync(data);
  older[8]! -= 1;
  writeFileSync(data, older);
  await choose(linux, data);
  await page.getByText(/^data\.vm9: the snapshot has format \d+, this program reads format \d+: /).waitFor();
  const text = join(folder, 'notes.txt');
  writeFileSync(text, 'text');
  await drop(linux, text);
  await page
    .getByText('notes.txt is no .vm9 file of a saved machine: drop files for Linux on the files panel')
    .waitFor();
  expect(await linux.run('echo $mine')).toBe('yes');
});
