// The way from nothing to a shell, as the progress bar tells it.
import type { BootStage, VmEvents } from 'vm9';

type Progress = VmEvents['progress'];

/** What is being done until a stage is reached. */
const doing: Readonly<Record<BootStage, string>> = {
  image: 'Downloading Linux',
  machine: 'Opening the folder, building the machine',
  kernel: 'Starting the kernel',
  agent: 'Starting the guest’s first program',
  shares: 'Mounting the folder',
};

/** Parts of the whole time, as a first visit spends it. */
const weights: Readonly<Record<BootStage, number>> = { image: 0.4, machine: 0.1, kernel: 0.1, agent: 0.3, shares: 0.1 };

const order: readonly BootStage[] = ['image', 'machine', 'kernel', 'agent', 'shares'];

export interface BootStep {
  readonly stage: BootStage;
  readonly text: string;
  readonly state: 'done' | 'current' | 'waiting';
  /** Milliseconds that it took; undefined until it is done. */
  readonly took: number | undefined;
}

export interface BootProgress {
  readonly steps: readonly BootStep[];
  /** 0 to 1 of the whole. */
  readonly fraction: number;
  /** Bytes of the image that have come, while it is being loaded and its size is known. */
  readonly download: { readonly loaded: number; readonly total: number } | undefined;
}

/** Follows the `progress` events of one boot. */
export class BootFollower {
  /** Milliseconds since the start at which each stage was reached. */
  readonly #reached = new Map<BootStage, number>();
  #download: BootProgress['download'];

  follow({ stage, milliseconds, loaded, total }: Progress): void {
    if (loaded !== undefined && total !== undefined) this.#download = { loaded, total };
    else if (!this.#reached.has(stage)) this.#reached.set(stage, milliseconds);
  }

  get progress(): BootProgress {
    const current = order.find((stage) => !this.#reached.has(stage));
    let before = 0;
    let fraction = 0;
    const steps = order.map((stage): BootStep => {
      const reached = this.#reached.get(stage);
      const state = reached !== undefined ? 'done' : stage === current ? 'current' : 'waiting';
      if (reached === undefined) return { stage, text: doing[stage], state, took: undefined };
      const took = Math.max(reached - before, 0);
      before = reached;
      fraction += weights[stage];
      return { stage, text: doing[stage], state, took };
    });
    const download = current === 'image' ? this.#download : undefined;
    if (download !== undefined && download.total > 0) fraction += weights.image * (download.loaded / download.total);
    return { steps, fraction: Math.min(fraction, 1), download };
  }
}
