// The bench: node test/bench/run.js [PART…], or make bench [ONLY="PART…"] [REPORT=FILE]. Each part is a script of its
// own, in a process of its own, that prints what it has measured. With REPORT the parts that ran replace theirs in FILE.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { busyProcessors, describeLoad } from './busy.ts';
import { print } from './report.ts';
import { isInstalled, qemu, compiler, x86Compiler } from './tools.ts';

interface Part {
  readonly title: string;
  readonly script: string;
  /** Commands without which it cannot run. */
  readonly needs?: readonly string[];
  /** Whether it prints lines that are no Markdown. */
  readonly isPlain?: boolean;
}

const parts: Readonly<Record<string, Part>> = {
  cpu: { title: 'Programs in the guest', script: 'cpu', needs: [compiler] },
  system: { title: 'System calls in the guest', script: 'system', needs: [compiler] },
  debian: { title: 'Real work by Debian’s programs', script: 'debian' },
  pauses: { title: 'Pauses and memory', script: 'pauses', needs: [compiler] },
  boot: { title: 'Boot to the mounted share', script: 'boot' },
  start: { title: 'A command, from a boot and from the cache of booted machines', script: 'start' },
  snapshot: { title: 'A saved machine', script: 'snapshot' },
  'debian-boot': { title: 'Boot of Debian’s kernel to the mounted share', script: 'debian-boot', needs: ['apt-get'] },
  'page-start': { title: 'The page to its prompt, in Chromium', script: 'page-start', needs: ['chromium'] },
  server: { title: 'The 9P server alone, memory backend', script: '9p-server' },
  'node-fs': { title: 'The Node.js backend beside the file system itself', script: 'node-fs' },
  'browser-files': {
    title: 'Files of a share in Chromium, by store',
    script: 'browser-files',
    needs: ['chromium', compiler],
  },
  'browser-cpu': {
    title: 'Programs in the guest, in Chromium',
    script: 'browser-cpu',
    needs: ['chromium', compiler],
  },
  v86: { title: 'The 9P server alone, beside that of v86', script: 'v86', needs: ['npm'] },
  'v86-guest': {
    title: 'Files of a share in memory, beside v86',
    script: 'v86-guest',
    needs: ['npm', 'apt-get', 'dpkg-deb', compiler, x86Compiler],
  },
  stores: { title: 'Stores of the browser, in Chromium', script: 'stores', needs: ['chromium'] },
  files: { title: 'Files of a share, by cache mode and message size', script: 'files', needs: [compiler] },
  transports: { title: 'Files of a share over PCI and over mmio', script: 'transports', needs: [compiler] },
  metadata: { title: 'Names and attributes of a share', script: 'metadata', needs: [compiler] },
  transfers: { title: 'Contents of a share’s files', script: 'transfers', needs: [compiler] },
  disk: { title: 'Sectors of a disk', script: 'disk', needs: [compiler] },
  trees: { title: 'Trees of many files', script: 'trees', needs: ['git'] },
  growth: { title: 'Cost of a request with many fids and files', script: 'growth' },
  edits: { title: 'Edits on one side as the other side sees them, by cache mode', script: 'edits' },
  virtqueue: { title: 'The virtqueue alone', script: 'virtqueue', isPlain: true },
  float: { title: 'Floating point alone', script: 'float', isPlain: true },
};

function wantedParts(): string[] {
  const words = process.argv.slice(2).concat(process.env['ONLY']?.split(/[\s,]+/) ?? []);
  const names = words.filter((word) => word !== '');
  for (const name of names) {
    if (!(name in parts)) {
      process.stderr.write(`bench: there is no part "${name}": the parts are ${Object.keys(parts).join(', ')}\n`);
      process.exit(2);
    }
  }
  return names.length === 0 ? Object.keys(parts) : names;
}

/** Runs a script. Resolves with what it printed, which is passed on meanwhile. */
function run(script: string): Promise<{ output: string; status: number | null }> {
  const child = spawn(process.execPath, ['--enable-source-maps', new URL(`${script}.mjs`, bundle).pathname], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    print(text);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ output, status }));
  });
}

function firstLine(command: string, ...words: string[]): string {
  return execFileSync(command, words, { encoding: 'utf8' }).split('\n')[0]!;
}

function circumstances(): string {
  const processors = cpus();
  const emulator = isInstalled(qemu) ? firstLine(qemu, '--version') : 'no QEMU (make deps)';
  return (
    `${processors.length} x ${processors[0]?.model.trim() ?? 'an unknown processor'}, ${platform()} ${arch()}, ` +
    `Node.js ${process.version}, ${emulator}`
  );
}

/** What was measured: a commit, and whether the files are still as they were there. */
function revision(): string {
  try {
    return `commit ${firstLine('git', 'describe', '--always', '--dirty=, with changes')}`;
  } catch {
    // Not a clone, or no git: the date must do.
    return 'no commit';
  }
}

/** Puts sections in the place of those with the same title; others stay. */
function updateReport(file: string, sections: ReadonlyMap<string, string>): void {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '# Bench results\n\n';
  const [preface = '', ...present] = old.split(/^(?=## )/m);
  const all = new Map(present.map((section) => [section.slice(3, section.indexOf('\n')), section]));
  for (const [title, section] of sections) all.set(title, section);
  const texts = [preface, ...all.values()].map((text) => text.trimEnd());
  writeFileSync(file, `${texts.join('\n\n')}\n`);
}

const bundle = new URL(`file://${process.argv[1]!}`);
const started = performance.now();
const sections = new Map<string, string>();
let failed = false;
const wanted = wantedParts();
const machine = circumstances();
for (const name of wanted) {
  const { title, script, needs = [], isPlain = false } = parts[name]!;
  const missing = needs.filter((command) => !isInstalled(command));
  if (missing.length > 0) {
    print(`not run: ${name}, for want of ${missing.join(' and ')} (make deps)\n\n`);
    continue;
  }
  const today = new Date().toISOString().slice(0, 10);
  const fence = isPlain ? '```\n' : '';
  const load = describeLoad(await busyProcessors());
  const heading = `## ${title}\n\n\`make bench ONLY=${name}\`, ${today}, ${revision()}, ${machine}. ${load}\n\n${fence}`;
  print(heading);
  const { output, status } = await run(script);
  // Who came while it ran is still there, most likely.
  const after = `${fence}${isPlain ? '\n' : ''}${describeLoad(await busyProcessors())}\n\n`.replace(
    'The machine was',
    'Afterwards the machine was',
  );
  print(after);
  if (status === 0) sections.set(title, heading + output + after);
  else failed = true;
  if (status !== 0) process.stderr.write(`bench: the part ${name} failed\n`);
}
print(`${((performance.now() - started) / 1000).toFixed(0)} seconds in all\n`);
const file = process.env['REPORT'];
if (file !== undefined && file !== '') updateReport(file, sections);
process.exitCode = failed ? 1 : 0;
