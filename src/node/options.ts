// The command line: its options as one table, from which both the parser and `--help` are made.
import { parseArgs } from 'node:util';
import type { HartFeatures } from '../cpu/riscv/features.ts';
import type { CpuEngine, VirtioTransport } from '../worker-protocol.ts';
import {
  builtInCommandLine,
  cacheModes,
  defaultCpuFeatures,
  defaultMemory,
  defaultJitCache,
  maximumJitCache,
  minimumJitCache,
  maximumShares,
  rootDefaults,
  shareDefaults,
} from '../vm-options.ts';
import { parseDrive, type DriveArgument } from './drive-argument.ts';
import { userCacheFolder } from './cache-file.ts';
import { bad, parseNumber } from './option-values.ts';
import { parseRoot, parseShare, type ShareArgument } from './share-argument.ts';

interface OptionRow {
  readonly short?: string;
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string;
  readonly repeatable?: boolean;
  /** Lines of help. */
  readonly help: readonly string[];
}

/** A line of help for a word of `--cpu`. */
function featureHelp(name: keyof HartFeatures, help: string): string[] {
  return [`${`${name}[=on|off]`.padEnd(24)}${help}; default: ${defaultCpuFeatures[name] ? 'on' : 'off'}`];
}

const options = {
  share: {
    value: 'DIR[,OPTION…]',
    repeatable: true,
    help: [
      `a folder of the host, mounted in the guest; up to ${maximumShares} times. The first has the tag host`,
      'and is at /mnt/host, the others have their base name and are at /mnt/NAME. Options:',
      '  tag=NAME          another tag; it is then at /mnt/NAME',
      '  mount=PATH|none   where it is mounted; none leaves that to you',
      '  ro                the guest cannot change it',
      `  cache=MODE        ${cacheModes.join(', ')}; default: ${shareDefaults.cache}`,
      `  msize=N           bytes a message may have; default: ${shareDefaults.maximumMessageSize}`,
      '  security=MODEL    who owns the files: default (real modes; owners that the host does not have are',
      '                    kept in extended attributes), mapped (all is kept there, as QEMU’s mapped-xattr',
      '                    does), passthrough (as on the host, which may refuse) or none (refusals are forgotten)',
      '  owner=UID:GID     whose the files of this user are in the guest; default: root’s',
      '  map=GUEST:HOST:N  N users and groups from GUEST on are those from HOST on here; also uidmap=, gidmap=',
      '  fmode=, dmode=    octal modes of what is made on the host in mapped; default: 0600 and 0700',
      '  hide=GLOB         what the guest does not have: a name in any folder, or with a slash a path from DIR on',
      'map, uidmap, gidmap and hide may be given several times. A comma in DIR or in a value is written twice.',
    ],
  },
  root: {
    value: 'DIR[,OPTION…]',
    help: [
      'a folder with a Linux system for riscv64, such as make debian unpacks, in which the guest runs: its /.',
      `Options as for a share, but mount; default: cache=${rootDefaults.cache},security=mapped,tag=${rootDefaults.tag}`,
    ],
  },
  drive: {
    value: 'FILE[,ro][,overlay=FILE]',
    repeatable: true,
    help: [
      'a disk, which the guest has as /dev/vda, the next as /dev/vdb: a raw image, of a multiple of 512',
      `bytes. There is room for ${maximumShares} shares and drives. Options:`,
      '  ro                the guest cannot write to it',
      '  overlay=FILE      what the guest writes goes there, and the image stays as it is',
    ],
  },
  exec: {
    value: 'COMMAND',
    help: [
      'run COMMAND with sh -c in the guest, in the first mounted share (without one: in HOME), and',
      'exit with its status; 128+N if signal N killed it',
    ],
  },
  tty: {
    short: 't',
    help: ['give COMMAND a terminal; this is so anyway where stdin and stdout are terminals'],
  },
  memory: { value: 'MIB', help: [`RAM of the guest; default: ${defaultMemory}`] },
  firmware: {
    value: 'FILE',
    help: [
      'start FILE in M-mode, a raw binary or an ELF file at 0x80000000, which is told of the kernel as OpenSBI’s',
      'fw_dynamic is; without it the machine is the firmware',
    ],
  },
  kernel: {
    value: 'FILE|none',
    help: ['boot this kernel (raw, gzip or zstd); its console is ttyS0. none: the firmware is all there is'],
  },
  initrd: { value: 'FILE', help: ['use this initial file system (raw, gzip or zstd)'] },
  append: {
    value: 'ARGS',
    repeatable: true,
    help: ['add ARGS to the kernel command line, which is:', `  ${builtInCommandLine}`],
  },
  clock: {
    value: 'host|icount',
    help: [
      'the guest’s time: the host’s, or one that follows from the instructions executed,',
      'so that equal runs are identical',
    ],
  },
  cpu: {
    value: 'WORD[,WORD…]',
    help: [
      'translator|interpreter  what runs the guest’s code: a translator for what is hot, beside the interpreter;',
      '                        or the interpreter alone',
      ...featureHelp('sv48', 'page tables of four levels, beside those of three'),
      ...featureHelp('svadu', 'accessed and dirty bits are set by hardware, by menvcfg.ADUE'),
      ...featureHelp('svade', 'they are page faults, with svadu until ADUE is set'),
    ],
  },
  'jit-cache': {
    value: 'MIB',
    help: [
      'memory that translated code may take, in MiB, as far as that can be reckoned; default:',
      `${defaultJitCache}. Beyond it the oldest goes`,
    ],
  },
  transport: {
    value: 'mmio|pci',
    help: ['how the guest reaches its devices: registers in memory (the default), or a PCI Express bus'],
  },
  save: {
    value: 'FILE',
    help: [
      'when COMMAND or the shell has ended, save the machine into FILE instead of switching it off; in a',
      'terminal Ctrl-A s does that at any time, and quits',
    ],
  },
  resume: {
    value: 'FILE',
    help: [
      'go on from a machine that --save has saved, with a command or shell that ran in it; its shares and',
      'drives have to be given again, other shares may follow them',
    ],
  },
  cold: {
    help: [
      'boot, and keep nothing. Else the machine goes on from one that has booted with the same options, if that was',
      'kept: before it had a share or a command, in the folder VM9_CACHE, else vm9 in XDG_CACHE_HOME, which is',
      `  ${userCacheFolder()}`,
    ],
  },
  'no-reboot': { help: ['a reboot of the guest ends the program, with status 0'] },
  stats: { help: ['tell on stderr at the end: boot time, MIPS, 9P requests and bytes'] },
  trace: {
    value: '9p|jit[,FILE]',
    repeatable: true,
    help: [
      'one line for each 9P message, or for each region of code that is translated or dropped, on',
      'stderr or into FILE',
    ],
  },
  profile: {
    value: 'FILE',
    help: [
      'sample what the guest’s processor does, by function, and write a flame graph into FILE, a page',
      'to open in a browser (.html), or stacks as other tools read them (.folded)',
    ],
  },
  quiet: { help: ['no progress while booting'] },
  version: { help: ['print the version'] },
  help: { short: 'h', help: ['print this'] },
} as const satisfies Record<string, OptionRow>;

const cpuFeatureNames = Object.keys(defaultCpuFeatures) as (keyof HartFeatures)[];

const table: readonly (readonly [string, OptionRow])[] = Object.entries(options);

/** What can be traced. */
export const traceable = ['9p', 'jit'] as const;

/** One `--trace`: of what, and into which file; undefined for stderr. */
export interface TraceArgument {
  readonly what: (typeof traceable)[number];
  readonly file: string | undefined;
}

export interface RunArguments {
  readonly action: 'run';
  readonly shares: readonly ShareArgument[];
  readonly root?: Omit<ShareArgument, 'mount'>;
  readonly drives: readonly DriveArgument[];
  readonly exec?: string;
  readonly tty: boolean;
  readonly memory?: number;
  readonly firmware?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly clock?: 'host' | 'icount';
  /** The files. */
  readonly save?: string;
  readonly resume?: string;
  readonly cpu: CpuEngine;
  readonly cpuFeatures: Partial<HartFeatures>;
  /** In MiB. */
  readonly jitCache?: number;
  readonly transport?: VirtioTransport;
  /** Without the cache. */
  readonly cold: boolean;
  readonly noReboot: boolean;
  readonly stats: boolean;
  readonly traces: readonly TraceArgument[];
  /** The file. */
  readonly profile?: string;
  readonly quiet: boolean;
}

export type Arguments = RunArguments | { readonly action: 'help' } | { readonly action: 'version' };

/** Reads the words after the program's name. Throws VmError 'bad-option' with a line that says what is wrong. */
export function parseArguments(words: readonly string[]): Arguments {
  const given = readWords(words);
  if (given.switches.has('help')) return { action: 'help' };
  if (given.switches.has('version')) return { action: 'version' };

  const single = (name: keyof typeof options): string | undefined => {
    const values = given.values.get(name);
    if (values !== undefined && values.length > 1) throw bad(`--${name} is given ${values.length} times`);
    return values?.[0];
  };
  const exec = single('exec');
  const tty = given.switches.has('tty');
  if (tty && exec === undefined) throw bad('--tty is for --exec COMMAND');
  const memory = single('memory');
  const firmware = single('firmware');
  const kernel = single('kernel');
  const initrd = single('initrd');
  const root = single('root');
  if (root !== undefined && initrd !== undefined) {
    throw bad('--root is mounted by the built-in initial file system: leave out --initrd');
  }
  const append = given.values.get('append')?.join(' ');
  const profile = single('profile');
  if (profile !== undefined && !/.\.(html|folded)$/.test(profile)) {
    throw bad(`--profile ${profile}: the name of the file ends in .html or .folded`);
  }
  const traces = (given.values.get('trace') ?? []).map(parseTrace);
  for (const what of traceable) {
    if (traces.filter((trace) => trace.what === what).length > 1) throw bad(`--trace ${what} is given twice`);
  }
  const clock = single('clock');
  const transport = single('transport');
  const save = single('save');
  const resume = single('resume');
  const { cpu, cpuFeatures } = parseCpu(single('cpu'));
  const jitCache = single('jit-cache');
  if (jitCache !== undefined && cpu === 'interpreter') throw bad('--jit-cache is for --cpu translator');
  return {
    action: 'run',
    shares: (given.values.get('share') ?? []).map(parseShare),
    ...(root !== undefined && { root: parseRoot(root) }),
    drives: (given.values.get('drive') ?? []).map(parseDrive),
    ...(exec !== undefined && { exec }),
    tty,
    ...(memory !== undefined && { memory: parseNumber('--memory', memory) }),
    ...(firmware !== undefined && { firmware }),
    ...(kernel !== undefined && { kernel }),
    ...(initrd !== undefined && { initrd }),
    ...(append !== undefined && { append }),
    ...(clock !== undefined && { clock: parseClock(clock) }),
    ...(save !== undefined && { save }),
    ...(resume !== undefined && { resume }),
    cpu,
    cpuFeatures,
    ...(jitCache !== undefined && { jitCache: parseJitCache(jitCache) }),
    ...(transport !== undefined && { transport: parseTransport(transport) }),
    cold: given.switches.has('cold'),
    noReboot: given.switches.has('no-reboot'),
    stats: given.switches.has('stats'),
    traces,
    ...(profile !== undefined && { profile }),
    quiet: given.switches.has('quiet'),
  };
}

/** The text of `--help`. */
export function helpText(): string {
  const lines = [
    'vm9: Linux in a RISC-V machine, with your folders inside',
    '',
    'Usage: node run-vm.js [--share DIR]…                    a shell in the guest',
    '       node run-vm.js [--share DIR]… --exec COMMAND     one command, with its output and status',
    '       node run-vm.js [--share DIR]… < SCRIPT           its commands, as sh reads them',
    '',
  ];
  for (const [name, row] of table) {
    const short = row.short === undefined ? '' : `-${row.short}, `;
    lines.push(`  ${short}--${name}${row.value === undefined ? '' : ` ${row.value}`}`);
    for (const line of row.help) lines.push(`        ${line}`);
  }
  lines.push(
    '',
    'In a terminal: Ctrl-A x quits, Ctrl-A h lists the other keys.',
    '',
    'Exit status: that of COMMAND; 0 when the guest powers off; 2 for a bad option, file or folder;',
    '125 when the machine fails: a kernel panic, a loop of traps, a defect.',
    '',
  );
  return lines.join('\n');
}

interface Given {
  readonly switches: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

function readWords(words: readonly string[]): Given {
  // Not strict: then the tokens say what was written, and the lines below can be clearer than the parser's own.
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      table.map(([name, row]) => [
        name,
        {
          type: row.value === undefined ? ('boolean' as const) : ('string' as const),
          ...(row.short !== undefined && { short: row.short }),
        },
      ]),
    ),
  });
  const switches = new Set<string>();
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') {
      throw bad(`"${token.value}" stands alone: a folder is given with --share ${token.value}, a command with --exec`);
    }
    if (token.kind === 'option-terminator') continue;
    const row = table.find(([name]) => name === token.name)?.[1];
    if (row === undefined) throw bad(`there is no option ${token.rawName}: --help lists them`);
    if (row.value === undefined) {
      if (token.value !== undefined) throw bad(`${token.rawName} takes no value`);
      switches.add(token.name);
    } else {
      // `--exec --quiet` forgot the command; `--exec=--quiet` means it.
      if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
        throw bad(`${token.rawName} needs a value: ${token.rawName} ${row.value}`);
      }
      values.set(token.name, [...(values.get(token.name) ?? []), token.value]);
    }
  }
  return { switches, values };
}

function parseJitCache(text: string): number {
  const mebibytes = parseNumber('--jit-cache', text);
  if (mebibytes >= minimumJitCache && mebibytes <= maximumJitCache) return mebibytes;
  throw bad(`--jit-cache ${text}: it is from ${minimumJitCache} to ${maximumJitCache} MiB`);
}

function parseClock(text: string): 'host' | 'icount' {
  if (text === 'host') return 'host';
  if (text === 'icount') return 'icount';
  throw bad(`--clock ${text}: it is host or icount`);
}

function parseCpu(text: string | undefined): Pick<RunArguments, 'cpu' | 'cpuFeatures'> {
  let cpu: CpuEngine | undefined;
  const cpuFeatures: { -readonly [Name in keyof HartFeatures]?: boolean } = {};
  for (const word of text?.split(',') ?? []) {
    if (word === 'translator' || word === 'interpreter') {
      if (cpu !== undefined) throw bad(`--cpu ${text}: it is one of translator and interpreter`);
      cpu = word;
      continue;
    }
    const [, name, value] = /^(\w+)(?:=(on|off))?$/.exec(word) ?? [];
    const feature = cpuFeatureNames.find((known) => known === name);
    if (feature === undefined) {
      const known = cpuFeatureNames.map((one) => `${one}=on|off`).join(', ');
      throw bad(`--cpu ${text}: "${word}" is none of translator, interpreter, ${known}`);
    }
    if (cpuFeatures[feature] !== undefined) throw bad(`--cpu ${text}: ${feature} is given twice`);
    cpuFeatures[feature] = value !== 'off';
  }
  return { cpu: cpu ?? 'translator', cpuFeatures };
}

function parseTransport(text: string): VirtioTransport {
  if (text === 'mmio') return 'mmio';
  if (text === 'pci') return 'pci';
  throw bad(`--transport ${text}: it is mmio or pci`);
}

function parseTrace(text: string): TraceArgument {
  const comma = text.indexOf(',');
  const word = comma < 0 ? text : text.slice(0, comma);
  const file = comma < 0 ? undefined : text.slice(comma + 1);
  const what = traceable.find((known) => known === word);
  if (what === undefined || file === '') throw bad(`--trace ${text}: it is 9p or jit, or 9p,FILE or jit,FILE`);
  return { what, file };
}
