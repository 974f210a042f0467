// `--profile FILE`: collects samples while the guest runs, asks it for the names of what they met, and writes the file.
import { readFileSync, writeFileSync } from 'node:fs';
import { VmError } from '../../errors.ts';
import type { ProfileSample } from '../../profile-samples.ts';
import type { Vm } from '../../vm.ts';
import type { VmCommand } from '../../vm-command.ts';
import type { MachineEvent } from '../../worker-protocol.ts';
import { flameGraph } from './flame-graph.ts';
import { fold, foldedText } from './fold.ts';
import { CodeNames } from './names.ts';
import { stackKey } from './stack-key.ts';
import { parseKallsyms, type CodeSymbol } from './symbols.ts';
import { knownTask } from './task-name.ts';

/** Milliseconds between looks for programs that were not there before, at least. */
const lookInterval = 100;

/** Names of tasks that are looked for as files; a command line has its limits. */
const mostNames = 200;
/** Where programs are, besides shares and the folders of programs that were seen. */
const programFolders = ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin'];

/**
 * Prints, for each line that it reads, what is mapped in all processes, and an empty line. It and what it starts are one
 * task by their name, which the sampler finds, and which is left out of the profile. The first line takes it a few million
 * instructions, so that it is met. Busybox goes by the name that it is called by, and its shell can give one.
 */
const looker = `
  for name in sh cat; do
    mkdir -p /run/vm9-$name
    program=$(readlink -f /bin/$name)
    ln -sf "$program" /run/vm9-$name/${knownTask}
    case $program in */busybox) call="exec -a $name" ;; *) call=exec ;; esac
    export $name="$call /run/vm9-$name/${knownTask}"
  done
  $sh -c '
    i=0
    while read -r line; do
      while [ $i -lt 300 ]; do i=$((i+1)); done
      ($cat /proc/[0-9]*/maps 2>/dev/null)
      echo
    done'`;

interface Looker {
  readonly command: VmCommand;
  /** It has answered once, or ended. */
  readonly met: Promise<void>;
  readonly done: Promise<void>;
}

export class Profile {
  readonly #vm: Vm;
  readonly #otherTraces: readonly MachineEvent['type'][];
  /** By what tells them apart. */
  readonly #samples = new Map<string, ProfileSample>();
  readonly #files = new Map<string, Uint8Array>();
  readonly #paths = new Set<string>();
  /** Of programs that were met. */
  readonly #pages = new Set<number>();
  #kernel: readonly CodeSymbol[] = [];
  #looker: Looker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  /** The VM must be given these traces, and `profile`. */
  constructor(vm: Vm, otherTraces: readonly MachineEvent['type'][]) {
    this.#vm = vm;
    this.#otherTraces = otherTraces;
    vm.on('trace', (event) => {
      if (event.type === 'profile') this.#take(event.samples);
    });
  }

  /** Asks the guest, once it is ready, for what may not be there at the end. Rejects where it never is. */
  async begin(): Promise<void> {
    await this.#vm.ready;
    this.#pause(true);
    this.#kernel = parseKallsyms(new TextDecoder().decode(await this.#read('/proc/kallsyms')));
    this.#pause(false);
    this.#looker = this.#look();
    this.#lookNow();
    // Until it is met no task has a name.
    await this.#looker.met;
  }

  /** Asks the guest for the programs that were met, before it is switched off. */
  async end(): Promise<void> {
    this.#pause(true);
    clearTimeout(this.#timer);
    if (this.#looker === undefined) return;
    await this.#looker.command.write('\n').catch(() => undefined);
    this.#looker.command.end();
    await this.#looker.done;
    const names = new CodeNames([]);
    await this.#learn(names, this.#paths);
    await this.#learn(names, await this.#likelyPaths(names));
  }

  /** Reads these files as long as there are pages that none of them holds. */
  async #learn(names: CodeNames, paths: Iterable<string>): Promise<void> {
    for (const path of paths) {
      if ([...this.#pages].every((page) => names.has(page))) return;
      const bytes = await this.#readProgram(path);
      names.addFile(path, bytes);
      this.#files.set(path, bytes);
    }
  }

  /** Files with the names of tasks that ended too soon to be looked at, where programs are. */
  async #likelyPaths(names: CodeNames): Promise<string[]> {
    const tasks = [...this.#samples.values()].flatMap(({ task, stack: [here] }) =>
      task === undefined || here?.page === undefined || names.has(here.page) ? [] : [task],
    );
    if (tasks.length === 0) return [];
    const folders = new Set([...programFolders, ...this.#vm.shares.flatMap(({ mount = [] }) => mount)]);
    for (const path of this.#paths) folders.add(path.slice(0, path.lastIndexOf('/')));
    const paths = [...folders].flatMap((folder) =>
      [...new Set(tasks)].slice(0, mostNames).map((task) => `${folder}/${task}`),
    );
    const found = await this.#output([
      'sh',
      '-c',
      'for file; do [ ! -f "$file" ] || readlink -f "$file"; done',
      'sh',
      ...paths,
    ]);
    return new TextDecoder()
      .decode(found)
      .split('\n')
      .filter((path) => path !== '');
  }

  /** Stops looking, and writes what there is: lines of folded stacks where the name ends in .folded, else a page. */
  write(file: string): void {
    clearTimeout(this.#timer);
    const names = new CodeNames(this.#kernel);
    for (const [path, bytes] of this.#files) names.addFile(path, bytes);
    const stacks = fold([...this.#samples.values()], names);
    writeFileSync(file, file.endsWith('.folded') ? foldedText(stacks) : flameGraph(stacks, pageTemplate()));
  }

  #take(samples: readonly ProfileSample[]): void {
    const known = this.#pages.size;
    for (const sample of samples) {
      if (sample.task === knownTask) continue;
      const key = stackKey(sample);
      const count = sample.count + (this.#samples.get(key)?.count ?? 0);
      this.#samples.set(key, { ...sample, count });
      for (const { page } of sample.stack) if (page !== undefined) this.#pages.add(page);
    }
    if (this.#pages.size > known) this.#lookSoon();
  }

  /** What we ask of the guest for ourselves is no part of the profile. */
  #pause(paused: boolean): void {
    this.#vm.setTrace(paused ? this.#otherTraces : [...this.#otherTraces, 'profile']);
  }

  #look(): Looker {
    const command = this.#vm.exec(looker, { stdinOpen: true, cwd: '/' });
    let answered = (): void => undefined;
    const answer = new Promise<void>((resolve) => (answered = resolve));
    const read = async (): Promise<void> => {
      let rest = '';
      for await (const bytes of command.stdout) {
        const lines = (rest + Buffer.from(bytes).toString('latin1')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (line === '') answered();
          // Permissions, offset, device, inode and path of what is executable and of a file.
          const [, path] = /^\S+ ..x. \S+ \S+ [1-9]\d* +(\/.*)$/.exec(line) ?? [];
          if (path !== undefined) this.#paths.add(Buffer.from(path, 'latin1').toString());
        }
      }
    };
    const drain = async (): Promise<void> => void (await command.stderr.bytes());
    const done = Promise.all([read(), drain(), command.exit]).then(
      () => undefined,
      (error: unknown) => ignoreGuest(error),
    );
    return { command, met: Promise.race([answer, done]), done };
  }

  #lookSoon(): void {
    if (this.#timer !== undefined || this.#looker === undefined) return;
    const wait = this.#lookedAt + lookInterval - performance.now();
    if (wait <= 0) this.#lookNow();
    else this.#timer = setTimeout(() => this.#lookNow(), wait);
  }

  #lookNow(): void {
    this.#timer = undefined;
    this.#lookedAt = performance.now();
    this.#looker?.command.write('\n').catch(() => undefined);
  }

  /** A file of a share is read on this side, anything else in the guest. */
  async #readProgram(path: string): Promise<Uint8Array> {
    for (const { mount, tag } of this.#vm.shares) {
      const above = mount === '/' ? '' : mount;
      if (above === undefined || !path.startsWith(`${above}/`)) continue;
      try {
        return await this.#vm.fs(tag).readFile(path.slice(above.length));
      } catch (error) {
        // Something else may be mounted there.
        ignoreGuest(error);
      }
    }
    return this.#read(path);
  }

  /** What a file of the guest holds; nothing where it cannot be read. */
  #read(path: string): Promise<Uint8Array> {
    return this.#output(['cat', path]);
  }

  /** What a command in the guest writes; nothing where it cannot be run. */
  async #output(words: readonly string[]): Promise<Uint8Array> {
    try {
      const command = this.#vm.exec(words, { cwd: '/' });
      const [bytes] = await Promise.all([command.stdout.bytes(), command.stderr.bytes(), command.exit]);
      return bytes;
    } catch (error) {
      ignoreGuest(error);
      return new Uint8Array();
    }
  }
}

/** A guest without the file, or one that is gone, costs names and nothing more. */
function ignoreGuest(error: unknown): void {
  if (!(error instanceof VmError)) throw error;
}

function pageTemplate(): string {
  return readFileSync(new URL('./flame-graph.html', import.meta.url), 'utf8');
}
