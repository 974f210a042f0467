// The folders that the guest is given: where each is kept, and how that reads.
import { indexedDb, memory, opfs, pickedFolder, storage, type ShareOptions, type SnapshotDescription } from 'vm9';
import type { Store } from '../page-options.ts';

export interface Place {
  readonly tag: string;
  /** The path in the guest. */
  readonly mount: string;
  /** What keeps it. */
  readonly kind: Store | 'picked';
  readonly share: ShareOptions;
}

export const kindNames: Readonly<Record<Place['kind'], string>> = {
  storage: 'kept in this browser',
  opfs: 'kept in this browser (OPFS)',
  indexeddb: 'kept in this browser (IndexedDB)',
  memory: 'in memory: gone when the page is closed',
  picked: 'a folder of this computer',
};

/** The name under which the browser keeps the page's folder. */
const homeName = 'vm9';
const homeTag = 'host';

export function homePlace(store: Store): Place {
  const sources = {
    storage: () => storage({ name: homeName }),
    opfs: () => opfs({ name: homeName }),
    indexeddb: () => indexedDb({ name: homeName }),
    memory: () => memory(),
  };
  return place(homeTag, store, sources[store]());
}

/** A folder of the computer that the user has picked. */
export function pickedPlace(handle: FileSystemDirectoryHandle): Place {
  return place(tagOf(handle.name), 'picked', pickedFolder(handle));
}

/** Where the browser keeps files that were to be kept wherever it does that best, from the line that tells it. */
export function keptIn(line: string): Store | undefined {
  const store = /are kept in (OPFS|IndexedDB)$/.exec(line)?.[1];
  return store === undefined ? undefined : store === 'OPFS' ? 'opfs' : 'indexeddb';
}

/**
 * The folders of a machine that goes on: first those that it was saved with, mounted as they were there, then what the page has
 * besides. Throws an Error that names one that the page has not.
 */
export function placesOf(saved: SnapshotDescription['shares'], present: readonly Place[]): readonly Place[] {
  const own = saved.map(({ tag, mount = 'none', ...options }) => {
    const here = present.find((place) => place.tag === tag);
    if (here === undefined) {
      const tags = present.map((place) => `"${place.tag}"`).join(' and ');
      throw new Error(
        `its machine needs the folder "${tag}"${mount === 'none' ? '' : ` at ${mount}`}, and this page has ${tags}: ` +
          'share a folder of this name with it first',
      );
    }
    return { ...here, mount, share: { ...here.share, ...options, mount } };
  });
  return [...own, ...present.filter((place) => saved.every(({ tag }) => place.tag !== tag))];
}

/** A share's tag has 1 to 31 bytes and no slash; the home folder's is taken. */
function tagOf(name: string): string {
  const tag = name.replaceAll(/[^\w.-]+/g, '-').slice(0, 31);
  return tag === '' || tag === homeTag || /^\.+$/.test(tag) ? 'picked' : tag;
}

function place(tag: string, kind: Place['kind'], source: ShareOptions['source']): Place {
  const mount = `/mnt/${tag}`;
  return { tag, mount, kind, share: { source, tag, mount } };
}
