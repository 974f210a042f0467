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

/** What a page is asked to let a guest do: with which store, and how the share is mounted. */
export interface GuestOrder {
  readonly store: StoreKind;
  readonly mode: string;
  readonly times: number;
}

/** By the word that guest/files.c prints: each time's rate. */
export type GuestSamples = Readonly<Record<string, readonly number[]>>;
