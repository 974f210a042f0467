// The folder of the computer that the user has picked: remembered, so that the next visit can offer it again.
import { signal } from '@preact/signals';
import { del, get, set } from 'idb-keyval';
import { folderPermission, requestFolderPermission } from 'vm9';

const key = 'picked-folder';
/** Says that there is none: to open the database in vain takes 70 ms of an instant start. */
const noneKey = 'vm9.no-picked-folder';

export class PickedFolder {
  /** May be used now. */
  readonly granted = signal<FileSystemDirectoryHandle | undefined>(undefined);
  /** Was used on an earlier visit, and needs the user's yes. */
  readonly offered = signal<FileSystemDirectoryHandle | undefined>(undefined);

  /** Whether this browser lets a page have a folder of the computer. */
  readonly supported = window.showDirectoryPicker !== undefined;

  /** Finds what an earlier visit has left. */
  async recall(): Promise<void> {
    if (!this.supported || noted()) return;
    const handle = await get<FileSystemDirectoryHandle>(key);
    if (handle === undefined) return note(true);
    if ((await folderPermission(handle)) === 'granted') this.granted.value = handle;
    else this.offered.value = handle;
  }

  /** Asks for a folder. Resolves with false where the user declined. */
  async pick(): Promise<boolean> {
    if (window.showDirectoryPicker === undefined) throw new Error('this browser cannot give a page a folder');
    let handle: FileSystemDirectoryHandle;
    try {
      handle = await window.showDirectoryPicker({ mode: 'readwrite', id: 'vm9' });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return false;
      throw error;
    }
    note(false);
    await set(key, handle);
    this.#use(handle);
    return true;
  }

  /** Asks for leave to use the offered folder. Only in answer to a click. Resolves with false where the user declined. */
  async reopen(): Promise<boolean> {
    const handle = this.offered.peek();
    if (handle === undefined) return false;
    if ((await requestFolderPermission(handle)) !== 'granted') return false;
    this.#use(handle);
    return true;
  }

  /** Forgets the folder; what is in it stays. */
  async forget(): Promise<void> {
    await del(key);
    this.granted.value = undefined;
    this.offered.value = undefined;
  }

  #use(handle: FileSystemDirectoryHandle): void {
    this.granted.value = handle;
    this.offered.value = undefined;
  }
}

function noted(): boolean {
  try {
    return localStorage.getItem(noneKey) !== null;
  } catch (error) {
    return refused(error);
  }
}

function note(isNone: boolean): void {
  try {
    if (isNone) localStorage.setItem(noneKey, 'yes');
    else localStorage.removeItem(noneKey);
  } catch (error) {
    refused(error);
  }
}

/** A browser can refuse storage to a frame: then nothing is noted. Throws what is another error. */
function refused(error: unknown): false {
  if (error instanceof DOMException) return false;
  throw error;
}
