// The command line in a real pseudo-terminal, which script(1) makes.
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { runVmPath } from './command-line.ts';

/** Milliseconds to wait for output; a boot on a busy computer included. */
const patience = 30_000;

export class TerminalSession {
  /** All that the terminal was sent. */
  output = '';
  /** The exit status, once it has ended. */
  readonly ended: Promise<number | null>;
  readonly #script: ChildProcessWithoutNullStreams;
  #waiting: (() => void) | undefined;
  #over = false;

  /**
   * Starts `node run-vm.js` with `words`, which may hold no quotes; `before` are words that run it, as somebody else, and
   * `after` is a shell command that follows it.
   */
  constructor(words: readonly string[], { before = [] as string[], after = '', columns = 80, rows = 24 } = {}) {
    const command = [...before, process.execPath, runVmPath, ...words.map((word) => `'${word}'`)].join(' ');
    const line = `stty cols ${columns} rows ${rows}; ${command}; status=$?; ${after === '' ? '' : `${after};`} exit $status`;
    this.#script = spawn('script', ['-qec', line, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
    this.#script.stdout.on('data', (bytes: Buffer) => {
      this.output += bytes.toString();
      this.#waiting?.();
    });
    this.#script.stdin.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#script.on('close', (status) => {
        this.#over = true;
        this.#waiting?.();
        resolve(status);
      });
    });
    onTestFinished(() => void this.#script.kill('SIGKILL'));
  }

  type(text: string): void {
    this.#script.stdin.write(text);
  }

  /** Resolves when the output behind `from` matches. */
  async until(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const deadline = setTimeout(() => {
      this.#over = true;
      this.#waiting?.();
    }, patience);
    for (;;) {
      const match = pattern.exec(this.output.slice(from));
      if (match !== null) {
        clearTimeout(deadline);
        return match;
      }
      if (this.#over) throw new Error(`nothing matched ${pattern}; the output: ${JSON.stringify(this.output)}`);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  /** Types a line at a prompt, and resolves when the output behind the echo matches. */
  async ask(line: string, pattern: RegExp): Promise<RegExpExecArray> {
    const from = this.output.length;
    this.type(`${line}\r`);
    return this.until(pattern, from);
  }

  /** Gives the terminal another size, as a window's user does. */
  resize(columns: number, rows: number): void {
    execFileSync('stty', ['-F', this.#terminal(), 'cols', String(columns), 'rows', String(rows)]);
  }

  /** The process id of the command line. */
  pid(): number {
    return (
      this.#descendants().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('run-vm.js\0')) ?? 0
    );
  }

  #terminal(): string {
    return readlinkSync(`/proc/${this.pid()}/fd/0`);
  }

  #descendants(): number[] {
    const parents = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const parent = parentOf(Number(name));
      if (parent !== undefined) parents.set(Number(name), parent);
    }
    const isBelow = (pid: number): boolean => {
      for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
        if (parents.get(at) === this.#script.pid) return true;
      }
      return false;
    };
    return [...parents.keys()].filter(isBelow);
  }
}

function parentOf(pid: number): number | undefined {
  try {
    // The second field is a name in parentheses, which may hold anything.
    const [, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(parent);
  } catch {
    // It has just ended.
    return undefined;
  }
}
