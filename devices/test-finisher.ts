// SiFive's test finisher, by which the guest ends or restarts the machine: one 32-bit register, the verdict in its low
// half and an exit status in its high half. It has no state.
import type { MmioRegion } from './ports.ts';

const verdict = { fail: 0x3333, pass: 0x5555, reset: 0x7777 } as const;

export type Finish =
  { readonly kind: 'pass' } | { readonly kind: 'fail'; readonly code: number } | { readonly kind: 'reset' };

export class TestFinisher implements MmioRegion {
  readonly name = 'test-finisher';
  readonly size = 0x1000;
  readonly #onFinish: (finish: Finish) => void;

  constructor(onFinish: (finish: Finish) => void) {
    this.#onFinish = onFinish;
  }

  read(): number {
    return 0;
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    if (offset !== 0 || size === 1) return;
    switch (value & 0xffff) {
      case verdict.pass:
        this.#onFinish({ kind: 'pass' });
        break;
      case verdict.fail:
        this.#onFinish({ kind: 'fail', code: value >>> 16 });
        break;
      case verdict.reset:
        this.#onFinish({ kind: 'reset' });
        break;
      default: // any other value is no verdict
    }
  }
}
