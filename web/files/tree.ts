// The shared folders as a tree that is read when it is opened, and again when something in it has changed.
import { computed, effect, signal, untracked } from '@preact/signals';
import type { ShareEntry, ShareFiles } from 'vm9';
import type { Place } from '../machine/places.ts';
import type { Session } from '../machine/session.ts';
import { isInside, joinPath, nameOf, parentOf } from './paths.ts';

export type EntryType = ShareEntry['type'];

/** Something in a share. */
export interface Item {
  readonly place: Place;
  /** Absolute in the share; `/` is the share itself. */
  readonly path: string;
  readonly type: EntryType;
}

export interface Row extends Item {
  readonly key: string;
  readonly name: string;
  /** From 1, as ARIA counts. */
  readonly level: number;
  readonly position: number;
  readonly count: number;
  /** Undefined for what cannot be opened. */
  readonly expanded: boolean | undefined;
  /** Why the folder could not be read. */
  readonly error: string | undefined;
  /** Open, and there is nothing in it. */
  readonly empty: boolean;
}

interface Folder {
  readonly entries: readonly ShareEntry[];
  readonly error: string | undefined;
}

/** Milliseconds in which changes are gathered before folders are read again. */
const settleTime = 80;

export function keyOf({ place, path }: { readonly place: Place; readonly path: string }): string {
  return `${place.tag}:${path}`;
}

export class FileTree {
  readonly selected = signal<string>('');
  readonly #session: Session;
  readonly #expanded = signal<ReadonlySet<string>>(new Set());
  readonly #folders = signal<ReadonlyMap<string, Folder>>(new Map());
  readonly #listeners = new Set<(place: Place, path: string) => void>();
  readonly #stale = new Map<string, { readonly place: Place; readonly path: string }>();

  /** What is to be seen, from top to bottom. */
  readonly rows = computed(() => {
    const places = this.#session.places.value;
    return places.flatMap((place, index) =>
      this.#rowsOf({ place, path: '/', type: 'directory' }, 1, index + 1, places.length),
    );
  });

  constructor(session: Session) {
    this.#session = session;
    effect(() => {
      // The guest's way to its prompt takes all of two processors.
      if (session.vm.value === undefined || !session.settled.value) return undefined;
      const places = session.places.peek();
      return untracked(() => this.#follow(places));
    });
  }

  /** The files of a share. Throws where there is no machine, which is only before the first one. */
  files(place: Place): ShareFiles {
    const vm = this.#session.vm.peek();
    if (vm === undefined) throw new Error('there is no machine yet');
    return vm.fs(place.tag);
  }

  get selectedRow(): Row | undefined {
    return this.rows.value.find(({ key }) => key === this.selected.value);
  }

  expand(row: Item): void {
    if (row.type !== 'directory') return;
    this.#expanded.value = new Set([...this.#expanded.value, keyOf(row)]);
    void this.#read(row);
  }

  collapse(row: Item): void {
    this.#expanded.value = new Set([...this.#expanded.value].filter((key) => key !== keyOf(row)));
  }

  /** Opens the folders above `path` and selects it. */
  async reveal(place: Place, path: string): Promise<void> {
    const above: string[] = [];
    for (let folder = path; folder !== '/';) above.unshift((folder = parentOf(folder)));
    this.#expanded.value = new Set([...this.#expanded.value, ...above.map((folder) => keyOf({ place, path: folder }))]);
    for (const folder of above) await this.#read({ place, path: folder });
    this.selected.value = keyOf({ place, path });
  }

  /** Calls `listener` with the path of everything that changes, until the returned function is called. */
  onChange(listener: (place: Place, path: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #follow(places: readonly Place[]): () => void {
    this.#folders.value = new Map();
    const ends = places.map((place) => {
      const change = (path: string): void => {
        this.#changed(place, path);
        for (const listener of this.#listeners) listener(place, path);
      };
      this.expand({ place, path: '/', type: 'directory' });
      return this.files(place).watch(({ path, from }) => {
        change(path);
        if (from !== undefined) change(from);
      });
    });
    const first = places[0];
    if (first !== undefined && this.selected.value === '') this.selected.value = keyOf({ place: first, path: '/' });
    return () => {
      for (const end of ends) end();
    };
  }

  #changed(place: Place, path: string): void {
    const folder = parentOf(path);
    this.#stale.set(keyOf({ place, path: folder }), { place, path: folder });
    if (this.#stale.size > 1) return;
    setTimeout(() => {
      const stale = [...this.#stale.values()];
      this.#stale.clear();
      for (const changed of stale) if (this.#folders.value.has(keyOf(changed))) void this.#read(changed);
    }, settleTime);
  }

  async #read(folder: { readonly place: Place; readonly path: string }): Promise<void> {
    let result: Folder;
    try {
      const entries = await this.files(folder.place).readdir(folder.path);
      result = { entries: entries.toSorted(byTypeAndName), error: undefined };
    } catch (error) {
      result = { entries: [], error: error instanceof Error ? error.message : String(error) };
    }
    this.#folders.value = new Map([...this.#folders.value, [keyOf(folder), result]]);
  }

  #rowsOf(item: Item, level: number, position: number, count: number): Row[] {
    const key = keyOf(item);
    const folder = this.#folders.value.get(key);
    const expanded = item.type === 'directory' ? this.#expanded.value.has(key) : undefined;
    const row: Row = {
      ...item,
      key,
      name: item.path === '/' ? item.place.mount : nameOf(item.path),
      level,
      position,
      count,
      expanded,
      error: expanded === true ? folder?.error : undefined,
      empty: expanded === true && folder?.entries.length === 0,
    };
    if (expanded !== true || folder === undefined) return [row];
    const children = folder.entries.flatMap(({ name, type }, index) =>
      this.#rowsOf(
        { place: item.place, path: joinPath(item.path, name), type },
        level + 1,
        index + 1,
        folder.entries.length,
      ),
    );
    return [row, ...children];
  }
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Folders first, then by name. */
function byTypeAndName(a: ShareEntry, b: ShareEntry): number {
  const folders = Number(b.type === 'directory') - Number(a.type === 'directory');
  return folders === 0 ? collator.compare(a.name, b.name) : folders;
}

/** Whether `item` is `path` or lies under it. */
export function concerns(path: string, item: Item): boolean {
  return item.path === path || isInside(item.path, path);
}
