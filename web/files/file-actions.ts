// What can be done with the files of a share: each asks what it must, does it, and tells how it went.
import { signal } from '@preact/signals';
import type { Menus, MenuItem } from '../ui/menu.tsx';
import type { Notices } from '../ui/notices.tsx';
import type { Questions } from '../ui/questions.tsx';
import { Binary, Download, FilePlus, FolderPlus, FolderUp, Pencil, Trash2, Upload as UploadIcon } from 'lucide';
import { bytesText } from '../ui/format.ts';
import { archiveName, fileStream, saveStream, tarStream } from './download.ts';
import { joinPath, nameOf, nameProblem, parentOf } from './paths.ts';
import { concerns, type FileTree, type Item } from './tree.ts';
import { pickedUploads, upload, type Upload } from './upload.ts';
import type { Viewer } from './viewer.ts';
import type { WasiRun } from '../wasi/wasi-run.ts';

export interface Transfer {
  readonly text: string;
  readonly cancel: () => void;
}

interface Parts {
  readonly tree: FileTree;
  readonly viewer: Viewer;
  readonly notices: Notices;
  readonly questions: Questions;
  readonly menus: Menus;
  readonly wasi: WasiRun;
}

export class FileActions {
  /** An upload that is under way. */
  readonly transfer = signal<Transfer | undefined>(undefined);
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Does something, and tells what went wrong with it. `done` is told where it went well. */
  async try(done: string | undefined, action: () => Promise<unknown>): Promise<void> {
    const { notices } = this.#parts;
    try {
      await action();
      if (done !== undefined) notices.done(done.charAt(0).toUpperCase() + done.slice(1));
    } catch (error) {
      notices.error(error instanceof Error ? error.message : String(error));
    }
  }

  async open(item: Item): Promise<void> {
    const { tree, viewer } = this.#parts;
    if (item.type === 'directory') return tree.expand(item);
    // A link may lead to a folder, or to nothing.
    await this.try(undefined, async () => {
      const { type } = await tree.files(item.place).stat(item.path);
      if (type === 'directory') throw new Error(`${nameOf(item.path)} is a link to a folder: open that instead`);
      if (type !== 'file') throw new Error(`${nameOf(item.path)} has no content to look at`);
      if (await this.#mayLeaveDraft()) await viewer.open({ place: item.place, path: item.path });
    });
  }

  async closeViewer(): Promise<void> {
    if (await this.#mayLeaveDraft()) this.#parts.viewer.close();
  }

  download({ place, path, type }: Item): void {
    const files = this.#parts.tree.files(place);
    void this.try(undefined, async () => {
      if (type === 'directory') {
        const name = archiveName(path, place.tag);
        await saveStream(`${name}.tar`, () => tarStream(files, path, name));
      } else {
        await saveStream(nameOf(path), () => fileStream(files, path));
      }
    });
  }

  async newFolder(item: Item): Promise<void> {
    const folder = folderOf(item);
    const name = await this.#parts.questions.name({
      title: 'New folder',
      label: `Name, in ${item.place.mount}${folder}`,
      value: '',
      action: 'Make folder',
      problem: nameProblem,
    });
    if (name === undefined) return;
    const path = joinPath(folder, name);
    await this.try(undefined, async () => {
      await this.#parts.tree.files(item.place).mkdir(path);
      await this.#parts.tree.reveal(item.place, path);
    });
  }

  async newFile(item: Item): Promise<void> {
    const { tree, questions } = this.#parts;
    const folder = folderOf(item);
    const name = await questions.name({
      title: 'New file',
      label: `Name, in ${item.place.mount}${folder}`,
      value: '',
      action: 'Make file',
      problem: nameProblem,
    });
    if (name === undefined) return;
    const path = joinPath(folder, name);
    await this.try(undefined, async () => {
      const handle = await tree.files(item.place).open(path, 'wx');
      await handle.close();
      await tree.reveal(item.place, path);
      await this.open({ place: item.place, path, type: 'file' });
    });
  }

  async rename(item: Item): Promise<void> {
    const { tree, questions } = this.#parts;
    if (item.path === '/') return;
    const name = await questions.name({
      title: `Rename ${nameOf(item.path)}`,
      label: 'New name',
      value: nameOf(item.path),
      action: 'Rename',
      problem: nameProblem,
    });
    if (name === undefined || name === nameOf(item.path)) return;
    const to = joinPath(parentOf(item.path), name);
    await this.try(undefined, async () => {
      const files = tree.files(item.place);
      // rename(2) would replace what is there.
      if (await exists(files.lstat(to))) throw new Error(`there is a ${name} already: remove it first`);
      await files.rename(item.path, to);
      await tree.reveal(item.place, to);
    });
  }

  async remove(item: Item): Promise<void> {
    const { tree, questions, viewer } = this.#parts;
    if (item.path === '/') return;
    const what = item.type === 'directory' ? 'the folder and everything in it' : 'it';
    const sure = await questions.confirm({
      title: `Delete ${nameOf(item.path)}?`,
      text: `This deletes ${what} for good, in the guest too.`,
      action: 'Delete',
      danger: true,
    });
    if (!sure) return;
    await this.try(undefined, async () => {
      await tree.files(item.place).rm(item.path, { recursive: true });
      const file = viewer.file.peek();
      if (file !== undefined && file.place.tag === item.place.tag && concerns(item.path, { ...file, type: 'file' })) {
        viewer.close();
      }
      await tree.reveal(item.place, parentOf(item.path));
    });
  }

  /** Lets the user pick files, or a whole folder, and writes them into the folder of `item`. */
  pickUploads(item: Item, whole: 'files' | 'folder'): void {
    const input = document.createElement('input');
    input.type = 'file';
    input.multiple = true;
    input.webkitdirectory = whole === 'folder';
    input.addEventListener('change', () => {
      if (input.files !== null) void this.upload(item, pickedUploads(Array.from(input.files)));
    });
    input.click();
  }

  async upload(item: Item, uploads: AsyncIterable<Upload>): Promise<void> {
    const { tree, notices } = this.#parts;
    const folder = folderOf(item);
    const abort = new AbortController();
    const cancel = (): void => abort.abort(new Error('the upload was cancelled; what had been written stays'));
    this.transfer.value = { text: 'Reading…', cancel };
    await this.try(undefined, async () => {
      const count = await upload(tree.files(item.place), folder, uploads, {
        onProgress: ({ path, bytes }) => {
          this.transfer.value = { text: `${nameOf(path)} · ${bytesText(bytes)}`, cancel };
        },
        signal: abort.signal,
      });
      tree.expand({ place: item.place, path: folder, type: 'directory' });
      notices.done(count === 1 ? 'One file uploaded' : `${count} files uploaded`);
    });
    this.transfer.value = undefined;
  }

  runWasi({ place, path }: Item): void {
    const { tree, wasi } = this.#parts;
    wasi.show({ name: nameOf(path), read: () => tree.files(place).readFile(path) });
  }

  menuOf(item: Item): MenuItem[] {
    const inFolder: MenuItem[] = [
      { label: 'New file', icon: FilePlus, action: () => void this.newFile(item) },
      { label: 'New folder', icon: FolderPlus, action: () => void this.newFolder(item) },
      { label: 'Upload files', icon: UploadIcon, action: () => this.pickUploads(item, 'files') },
      { label: 'Upload a folder', icon: FolderUp, action: () => this.pickUploads(item, 'folder') },
    ];
    const program: MenuItem[] = [{ label: 'Run with WASI', icon: Binary, action: () => this.runWasi(item) }];
    const download = {
      label: item.type === 'directory' ? 'Download as tar' : 'Download',
      icon: Download,
      action: () => this.download(item),
    };
    const change: MenuItem[] = [
      { label: 'Rename', icon: Pencil, action: () => void this.rename(item) },
      { label: 'Delete', icon: Trash2, action: () => void this.remove(item), danger: true },
    ];
    return [
      ...(item.type === 'directory' ? inFolder : []),
      ...(item.type === 'file' && item.path.endsWith('.wasm') ? program : []),
      download,
      ...(item.path === '/' ? [] : change),
    ];
  }

  async #mayLeaveDraft(): Promise<boolean> {
    const { viewer, questions } = this.#parts;
    const file = viewer.file.peek();
    if (file === undefined || !viewer.dirty) return true;
    return questions.confirm({
      title: `Drop your changes to ${nameOf(file.path)}?`,
      text: 'They are not saved.',
      action: 'Drop them',
      danger: true,
    });
  }
}

/** Where something new goes: into a folder, or beside a file. */
function folderOf({ path, type }: Item): string {
  return type === 'directory' ? path : parentOf(path);
}

async function exists(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}
