// What the loads of the stores have in common: samples of figures, and the answer to whoever ordered them.
import type { Answer, Figure, Order, StoreKind } from '../../bench/store-figures.ts';

export async function seconds(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

export class Samples {
  readonly #figures = new Map<string, { readonly unit: string; readonly samples: number[] }>();

  note(name: string, unit: string, sample: number): void {
    const figure = this.#figures.get(name) ?? { unit, samples: [] };
    this.#figures.set(name, figure);
    figure.samples.push(sample);
  }

  get figures(): readonly Figure[] {
    return [...this.#figures].map(([name, { unit, samples }]) => ({ name, unit, samples }));
  }
}

/** Makes the worker measure what the page orders. */
export function answerOrders(measure: (kind: StoreKind, times: number) => Promise<readonly Figure[]>): void {
  const answer = (message: Answer): void => postMessage(message);
  addEventListener('message', ({ data }: MessageEvent<Order>) => {
    measure(data.kind, data.times).then(answer, (error: unknown) =>
      answer(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  });
}
