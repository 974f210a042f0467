// One file of a share that is looked at, or edited, in the page.
import { signal } from '@preact/signals';
import { contentOf, type Content } from './content.ts';
import type { FileTree } from './tree.ts';
import type { Place } from '../machine/places.ts';

export interface OpenFile {
  readonly place: Place;
  readonly path: string;
}

/** Bytes of a file that are shown; larger files are shown in part and not edited. */
const mostBytes = 1024 * 1024;
const mostImageBytes = 32 * 1024 * 1024;
/** Milliseconds in which changes are gathered before the file is read again. */
const settleTime = 120;

const imageTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  bmp: 'image/bmp',
};

export class Viewer {
  readonly file = signal<OpenFile | undefined>(undefined);
  readonly content = signal<Content>({ kind: 'loading' });
  /** What the editor holds; differs from the content where something was typed. */
  readonly draft = signal<string | undefined>(undefined);
  /** The file has changed in the share since, and there is a draft. */
  readonly outdated = signal(false);
  readonly #tree: FileTree;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tree: FileTree) {
    this.#tree = tree;
    tree.onChange((place, path) => {
      const file = this.file.peek();
      if (file === undefined || file.place.tag !== place.tag || file.path !== path) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#changed(), settleTime);
    });
  }

  get dirty(): boolean {
    const content = this.content.value;
    return this.draft.value !== undefined && content.kind === 'text' && content.text !== this.draft.value;
  }

  async open(file: OpenFile): Promise<void> {
    this.file.value = file;
    this.content.value = { kind: 'loading' };
    await this.reload();
  }

  close(): void {
    this.file.value = undefined;
    this.draft.value = undefined;
  }

  /** Reads the file again, dropping what was typed. */
  async reload(): Promise<void> {
    const file = this.file.peek();
    if (file === undefined) return;
    const content = await this.#read(file);
    if (this.file.peek() !== file) return;
    this.content.value = content;
    this.draft.value = undefined;
    this.outdated.value = false;
  }

  /** Writes what was typed, to where it survives. Rejects where the share refuses. */
  async save(): Promise<void> {
    const file = this.file.peek();
    const text = this.draft.peek();
    if (file === undefined || text === undefined) return;
    const handle = await this.#tree.files(file.place).open(file.path, 'w');
    try {
      await handle.write(0, text);
      // What is said to be saved survives the page.
      await handle.sync();
    } finally {
      await handle.close();
    }
    this.content.value = { kind: 'text', text, editable: true };
    this.outdated.value = false;
  }

  async #changed(): Promise<void> {
    const file = this.file.peek();
    if (file === undefined) return;
    const content = await this.#read(file);
    if (this.file.peek() !== file) return;
    const before = this.content.peek();
    const same = content.kind === 'text' && before.kind === 'text' && content.text === before.text;
    if (same) return;
    if (this.dirty && content.kind === 'text') this.outdated.value = true;
    else this.content.value = content;
  }

  async #read({ place, path }: OpenFile): Promise<Content> {
    try {
      const files = this.#tree.files(place);
      const { size } = await files.stat(path);
      const type = imageTypes[path.slice(path.lastIndexOf('.') + 1).toLowerCase()];
      if (type !== undefined && size <= mostImageBytes) {
        return { kind: 'image', blob: new Blob([await files.readFile(path)], { type }) };
      }
      const handle = await files.open(path, 'r');
      try {
        return contentOf(await handle.read(0, mostBytes), size);
      } finally {
        await handle.close();
      }
    } catch (error) {
      return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
    }
  }
}
