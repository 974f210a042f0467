// Machines as files: the one that runs is saved into a file of the user's, and one that was saved, here or by `--save`, goes on.
import { signal } from '@preact/signals';
import { describeSnapshot, type Vm } from 'vm9';
import { saveStream } from '../files/download.ts';
import type { Page } from '../page.ts';
import { bytesText } from '../ui/format.ts';
import { placesOf, type Place } from './places.ts';

/** What is being done with a file. */
export interface FileProgress {
  readonly text: string;
  /** 0 to 1; undefined while that is not known. */
  readonly fraction: number | undefined;
}

/** A machine that was saved, with the folders that it goes on with. */
export interface SavedMachine {
  readonly snapshot: Uint8Array;
  /** MiB of RAM. */
  readonly memory: number;
  readonly places: readonly Place[];
}

const extension = '.vm9';

/** Bytes that are written at a time. */
const pieceSize = 1024 * 1024;

export class SavedMachines {
  readonly progress = signal<FileProgress | undefined>(undefined);
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Saves the machine that runs into a file of the user's; it runs on. */
  async save(): Promise<void> {
    const { actions, notices, session } = this.#page;
    const vm = session.vm.peek();
    if (vm === undefined || this.progress.peek() !== undefined) return;
    const name = `linux-${new Date().toISOString().slice(0, 16).replaceAll(/[T:]/g, '-')}${extension}`;
    await actions.try(undefined, async () => {
      try {
        const isSaved = await saveStream(name, () => this.#streamOf(vm));
        if (isSaved) notices.done(`The machine is saved. It runs on; "Resume from a file" goes back to this moment.`);
      } finally {
        this.progress.value = undefined;
      }
    });
  }

  /** Lets the user pick a file, and goes on with the machine in it. */
  pick(): void {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = extension;
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      if (file !== undefined) void this.resume(file);
    });
    input.click();
  }

  /** What was dropped where a machine is expected. */
  async drop(files: FileList): Promise<void> {
    const [file] = files;
    if (file === undefined) return;
    if (files.length === 1 && file.name.endsWith(extension)) return this.resume(file);
    const what = files.length === 1 ? `${file.name} is` : `${files.length} files are`;
    this.#page.notices.error(
      `${what} no ${extension} file of a saved machine: drop files for Linux on the files panel`,
    );
  }

  /** Goes on with the machine in a file, in place of the one that runs, which is switched off. */
  async resume(file: File): Promise<void> {
    const { actions } = this.#page;
    if (this.progress.peek() !== undefined) return;
    await actions.try(undefined, async () => {
      const saved = await this.#read(file).finally(() => (this.progress.value = undefined));
      const question = `Resume ${file.name}`;
      if (await this.#page.mayRestart(question, 'Resume', 'Linux that runs now is switched off for that')) {
        await this.#page.resume(saved);
      }
    });
  }

  /** Throws an Error that says what is wrong with the file: nothing has been done then. */
  async #read(file: File): Promise<SavedMachine> {
    this.progress.value = { text: `Reading ${file.name}`, fraction: undefined };
    try {
      const snapshot = new Uint8Array(await file.arrayBuffer());
      const { memory, shares, drives } = await describeSnapshot(snapshot);
      if (drives.length > 0) throw new Error('its machine has drives, and the page has none');
      return { snapshot, memory, places: placesOf(shares, this.#page.places()) };
    } catch (error) {
      throw new Error(`${file.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  /** The machine is saved when the first of it is asked for. */
  #streamOf(vm: Vm): ReadableStream<Uint8Array> {
    let snapshot: Uint8Array | undefined;
    let at = 0;
    return new ReadableStream({
      pull: async (controller) => {
        if (snapshot === undefined) {
          this.progress.value = { text: 'Saving the machine', fraction: undefined };
          snapshot = await vm.save();
        }
        const piece = snapshot.subarray(at, at + pieceSize);
        at += piece.length;
        this.progress.value = { text: `Writing ${bytesText(snapshot.length)}`, fraction: at / snapshot.length };
        controller.enqueue(piece);
        if (at === snapshot.length) controller.close();
      },
    });
  }
}
