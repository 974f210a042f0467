// The two packages as users get them: packed, unpacked into an empty folder without a network, run.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { publint } from 'publint';
import { afterAll, beforeAll, expect, test } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vm9-package-'));
const consumer = join(folder, 'consumer');

/** What `npm pack --json` says of a package. */
interface Packed {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

let vm9: Packed;
let images: Packed;

/** Neither the user's cache nor a registry: what is needed is in the tarballs. */
function npm(cwd: string, ...words: string[]): string {
  const env = { ...process.env, npm_config_cache: join(folder, 'npm'), npm_config_offline: 'true' };
  return execFileSync('npm', words, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function vm9Command(...words: string[]): string {
  return npm(consumer, 'exec', '--no', '--', 'vm9', ...words);
}

/** Compiles as a strict user would, the package's own declarations included. */
function checkTypes(file: string, ...options: string[]): void {
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', 'false'];
  const typeRoots = ['--typeRoots', join(repository, 'node_modules/@types')];
  execFileSync(join(repository, 'node_modules/.bin/tsc'), [...strict, ...typeRoots, ...options, file], {
    cwd: consumer,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

const pathsOf = ({ files }: Packed): string[] => files.map(({ path }) => path);
const tarball = ({ filename }: Packed): string => join(folder, filename);
const installed = (...path: string[]): string => join(consumer, 'node_modules', ...path);

beforeAll(() => {
  if (!existsSync(join(repository, 'dist/cli.cjs'))) execFileSync(process.execPath, ['build.js'], { cwd: repository });
  if (!existsSync(join(repository, 'dist/types/src/node/index.d.ts'))) npm(repository, 'run', 'typecheck');
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  const packages = ['.', './guest-images', ...Object.keys(dependencies).map((name) => `./node_modules/${name}`)];
  const packed = JSON.parse(
    npm(repository, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...packages),
  ) as [Packed, Packed, ...Packed[]];
  [vm9, images] = packed;
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }');
  npm(consumer, 'install', '--no-audit', '--no-fund', ...packed.map(tarball));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the command runs, and says its version', () => {
  expect(vm9Command('--version')).toBe(`vm9 ${vm9.version}\n`);
}, 30_000);

test('it boots the images of the other package', () => {
  expect(vm9Command('--exec', 'uname -m')).toBe('riscv64\n');
}, 60_000);

test('the API can be imported, and its types are complete', () => {
  writeFileSync(
    join(consumer, 'use.ts'),
    `import { createVm, hostFolder, type VmExit } from 'vm9';
     const vm = createVm({ shares: [{ source: hostFolder('.'), cache: 'mmap' }] });
     const exit: Promise<VmExit> = vm.exited;
     // @ts-expect-error a cache mode that Linux does not have
     createVm({ shares: [{ source: hostFolder('.'), cache: 'most' }] });
     await exit;`,
  );
  checkTypes('use.ts', '--types', 'node');
  const program = 'const { createVm } = await import("vm9"); process.stdout.write(typeof createVm)';
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: consumer });
  expect(output.toString()).toBe('function');
}, 30_000);

test("README's programs fit the types, and can be bundled; the one for Node.js runs", async () => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const programs = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program]) => program ?? '');
  expect(programs).toHaveLength(3);
  for (const [index, program] of programs.entries()) {
    const forPage = program.includes("'vm9/browser'");
    const file = forPage ? `in-a-page-${index}.ts` : 'in-node.ts';
    writeFileSync(join(consumer, file), program);
    checkTypes(file, ...(forPage ? ['--lib', 'es2023,dom'] : ['--types', 'node']));
    await build({
      absWorkingDir: consumer,
      entryPoints: [file, ...(forPage ? ['vm9/worker', 'vm9/wasi-worker'] : [])],
      bundle: true,
      format: 'esm',
      platform: forPage ? 'browser' : 'node',
      // In Node.js the worker is found beside the package's own module.
      packages: forPage ? 'bundle' : 'external',
      outdir: 'bundled',
      logLevel: 'error',
    });
  }
  const output = execFileSync(process.execPath, ['bundled/in-node.js'], { cwd: consumer, encoding: 'utf8' });
  expect(output.split('\n')).toContain('package.json');
}, 60_000);

test.each([
  ['toy-host.js', "{ used: 1, type: 101, msize: 8192, version: '9P2000.L' }\n"],
  ['toy-pci-host.js', "{ cause: 1, used: 1, type: 101, msize: 8192, version: '9P2000.L' }\n"],
])(
  'the devices can be plugged into a host of a few lines: %s',
  (name, expected) => {
    copyFileSync(join(repository, 'examples', name), join(consumer, name));
    const output = execFileSync(process.execPath, [name], { cwd: consumer, encoding: 'utf8' });
    expect(output).toBe(expected);
  },
  30_000,
);

test('vm9 holds the built program and its types, and nothing else', () => {
  const wanted =
    /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|run-vm\.js|dist\/[\w-]+\.c?js(\.map)?|dist\/(licences\.txt|flame-graph\.html)|dist\/types\/(src|devices)\/.+\.d\.ts)$/;
  expect(pathsOf(vm9).filter((path) => !wanted.test(path))).toEqual([]);
  const needed = [
    'package.json',
    'README.md',
    'LICENSE',
    'run-vm.js',
    'dist/cli.cjs',
    'dist/flame-graph.html',
    'dist/index.js',
    'dist/start.cjs',
    'dist/worker-start.cjs',
    'dist/worker.cjs',
  ];
  expect(pathsOf(vm9)).toEqual(expect.arrayContaining(needed));
});

test('what is copied into its bundles comes with its licence', () => {
  const text = readFileSync(installed('vm9', 'dist/licences.txt'), 'utf8');
  expect(text).toMatch(/^fzstd \S+ \(MIT\)$/m);
  expect(text).toMatch(/^idb \S+ \(ISC\)$/m);
});

test('vm9 holds no file under the GPL', () => {
  const { license } = JSON.parse(readFileSync(installed('vm9', 'package.json'), 'utf8')) as { license: string };
  expect(license).toBe('MIT');
  expect(readFileSync(installed('vm9', 'LICENSE'), 'utf8')).toMatch(/^MIT License/);
  const text = /SPDX-License-Identifier:.*GPL|GNU (Lesser |Library )?General Public License/i;
  const underGpl = pathsOf(vm9).filter((path) => text.test(readFileSync(installed('vm9', path), 'latin1')));
  expect(underGpl).toEqual([]);
});

test('every entry of "files" is there, in both packages', () => {
  for (const packed of [vm9, images]) {
    const manifest = readFileSync(installed(packed.name, 'package.json'), 'utf8');
    const { files } = JSON.parse(manifest) as { files: string[] };
    const paths = pathsOf(packed);
    const matches = (entry: string): boolean => {
      const pattern = new RegExp(`^${entry.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`);
      return paths.some((path) => pattern.test(path));
    };
    expect(files.filter((entry) => !matches(entry))).toEqual([]);
  }
});

test('the images come with their licences, and where their source is', () => {
  const { license } = JSON.parse(readFileSync(installed(images.name, 'package.json'), 'utf8')) as { license: string };
  expect(license).toBe('GPL-2.0-only');
  expect(readFileSync(installed(images.name, 'licenses/GPL-2.txt'), 'utf8')).toContain('GNU GENERAL PUBLIC LICENSE');
  expect(readFileSync(installed(images.name, 'NOTICE.md'), 'utf8')).toMatch(/corresponding source/);
  expect(pathsOf(images)).toEqual(
    expect.arrayContaining(['images/vmlinux-riscv64.gz', 'images/initramfs-riscv64.cpio.gz', 'images/manifest.json']),
  );
});

test.each(['vm9', 'vm9-guest-images'])('publint finds nothing in %s', async (name) => {
  const bytes = readFileSync(tarball(name === 'vm9' ? vm9 : images));
  const { messages } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer }, strict: true });
  expect(messages).toEqual([]);
});
