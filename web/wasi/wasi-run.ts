// A WASI program on a shared folder: the page's own process, which sees what the guest wrote, without the guest.
import { signal } from '@preact/signals';
import type { Vm } from 'vm9';
import type { Place } from '../machine/places.ts';
import type { Session } from '../machine/session.ts';

type Process = ReturnType<Vm['runWasi']>;

export interface WasiProgram {
  readonly name: string;
  read(): Promise<Uint8Array>;
}

/** What has been printed is kept up to this many characters; then the oldest goes. */
const keptOutput = 200_000;

export class WasiRun {
  /** The dialog is open. */
  readonly open = signal(false);
  readonly program = signal<WasiProgram | undefined>(undefined);
  readonly output = signal('');
  /** How the last run ended, in words; undefined while there was none or one is under way. */
  readonly ending = signal<string | undefined>(undefined);
  readonly running = signal(false);
  readonly #session: Session;
  #process: Process | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Opens the dialog, for a program if one is given. */
  show(program?: WasiProgram): void {
    if (program !== undefined) this.program.value = program;
    this.open.value = true;
  }

  /** Runs the program with `place` as its folder. Never rejects: `ending` tells how it went. */
  async run(args: readonly string[], place: Place): Promise<void> {
    const vm = this.#session.vm.peek();
    const program = this.program.peek();
    if (vm === undefined || program === undefined || this.running.peek()) return;
    this.output.value = '';
    this.ending.value = undefined;
    this.running.value = true;
    try {
      const process = vm.runWasi(await program.read(), {
        name: program.name,
        args,
        preopens: { '/': place.tag, '.': place.tag },
      });
      this.#process = process;
      await Promise.all([this.#follow(process.stdout), this.#follow(process.stderr)]);
      const status = await process.exit;
      this.ending.value = `The program has ended with status ${status}.`;
    } catch (error) {
      this.ending.value = error instanceof Error ? error.message : String(error);
    }
    this.#process = undefined;
    this.running.value = false;
  }

  async stop(): Promise<void> {
    await this.#process?.kill('the program was stopped');
  }

  close(): void {
    this.open.value = false;
    void this.stop();
  }

  async #follow(stream: Process['stdout']): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      const text = decoder.decode(new Uint8Array(bytes), { stream: true });
      this.output.value = (this.output.value + text).slice(-keptOutput);
    }
  }
}
