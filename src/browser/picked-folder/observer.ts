// Word of changes of the host's folder: the browser's FileSystemObserver (WICG File System Observer), where it has one.
import type { FolderHandle } from './access.ts';

/** One change. `errored`: no more word will come; `unknown`: some was missed. */
export interface HostChange {
  readonly type: 'appeared' | 'disappeared' | 'modified' | 'moved' | 'unknown' | 'errored';
  /** Names on the host, from the observed folder down. */
  readonly relativePathComponents: readonly string[];
  /** Where a file that has moved was before. */
  readonly relativePathMovedFrom?: readonly string[] | null;
}

/** Observes a folder and all below until the returned function is called. Undefined where the browser can not. */
export type Observe = (
  folder: FolderHandle,
  listener: (changes: readonly HostChange[]) => void,
) => Promise<(() => void) | undefined>;

interface FileSystemObserver {
  observe(folder: FolderHandle, options: { readonly recursive: boolean }): Promise<void>;
  disconnect(): void;
}

type ObserverConstructor = new (callback: (changes: readonly HostChange[]) => void) => FileSystemObserver;

export const observeByBrowser: Observe = async (folder, listener) => {
  const { FileSystemObserver: Observer } = globalThis as { readonly FileSystemObserver?: ObserverConstructor };
  if (Observer === undefined) return undefined;
  const observer = new Observer((changes) => listener(changes));
  try {
    await observer.observe(folder, { recursive: true });
  } catch (error) {
    // Not this file system: NotSupportedError, or whatever a browser says. Looks at the host serve a shorter time then.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
  return () => observer.disconnect();
};
