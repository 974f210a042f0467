// What the bench of the stores and the worker that it runs say to each other.

export type StoreKind = 'memory' | 'opfs' | 'indexeddb' | 'picked-folder';

/** Samples of one figure. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
}

export interface Order {
  readonly kind: StoreKind;
  /** How often each figure is measured. */
  readonly times: number;
}

/** Text: why it failed. */
export type Answer = readonly Figure[] | string;
