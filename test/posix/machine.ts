// What the suite wants of a guest, wherever that runs.

/** `tmpfs` is the guest's own, as the yardstick. */
export type Backend = 'tmpfs' | 'folder' | 'mapped' | 'passthrough' | 'memory' | 'opfs' | 'indexeddb' | 'picked-folder';
export const modes = ['none', 'readahead', 'mmap', 'loose'] as const;
export type Mode = (typeof modes)[number];

/** The share of a backend. Each has two, because the server has to know whether the guest stores what it writes later. */
export function shareTag(backend: string, writesLater: boolean): string {
  return `${backend}-${writesLater ? 'mmap' : 'none'}`;
}

export interface Outcome {
  /** Latin-1: a character for each byte. */
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

/** The machine of such a guest, which has started. */
export interface PosixMachine {
  /** Runs a shell's line in /. */
  run(line: string, stdin?: Uint8Array): Promise<Outcome>;
  dispose(): Promise<void>;
}
