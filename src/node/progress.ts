// One line on the terminal while the guest boots.
import type { BootStage } from '../vm-events.ts';
import { bootStages } from '../vm-events.ts';

/** What is being done until the stage is reached. */
const doing: Readonly<Record<BootStage, string>> = {
  image: 'reading the guest image',
  machine: 'making the machine',
  kernel: 'starting Linux',
  agent: 'starting the system',
  shares: 'mounting the shares',
};

const barLength = 20;

export class Progress {
  readonly #write: (text: string) => void;
  #shown = false;
  #over = false;

  /** `write` puts text on a terminal; undefined shows nothing. */
  constructor(write: ((text: string) => void) | undefined) {
    this.#write = write ?? (() => undefined);
    this.#over = write === undefined;
    this.#show(0);
  }

  reached(stage: BootStage): void {
    this.#show(bootStages.indexOf(stage) + 1);
  }

  /** Takes the line away, for good. */
  clear(): void {
    if (this.#shown) this.#write('\r\x1b[K');
    this.#shown = false;
    this.#over = true;
  }

  #show(done: number): void {
    const next = bootStages[done];
    if (this.#over || next === undefined) return;
    const filled = Math.round((barLength * done) / bootStages.length);
    this.#write(`\r\x1b[K[${'#'.repeat(filled)}${'.'.repeat(barLength - filled)}] ${doing[next]} …`);
    this.#shown = true;
  }
}
