// Which path each fid of a 9P connection stands for, learned from the messages as they pass.
import type { P9Event } from './requests.ts';

const pictures = 0x2400;

/** A name to look at: UTF-8 where it is that, control characters as their pictures. */
export function nameText(name: unknown): string {
  if (!(name instanceof Uint8Array)) return '';
  // A copy, because TextDecoder takes no view of shared memory.
  return Array.from(new TextDecoder().decode(new Uint8Array(name)), (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(pictures + code) : character;
  }).join('');
}

function join(folder: string, name: string): string {
  if (name === '..') return folder.slice(0, Math.max(folder.lastIndexOf('/'), 1));
  if (name === '.' || name === '') return folder;
  return folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

/** What `path` is called after `from` was renamed to `to`. */
function renamed(path: string, from: string, to: string): string {
  if (path === from) return to;
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
}

export class FidPaths {
  readonly #paths = new Map<number, string>();
  /** Fids that Tattach made: the client keeps them as long as it has the share mounted. */
  readonly #roots = new Set<number>();

  /** Learns from a message with its reply. Returns the path it is about; `old → new` for renames, empty for none. */
  follow(event: P9Event): string {
    const { type, request, reply } = event;
    if (request === undefined) return '';
    const ok = reply !== undefined;
    const fid = Number(request['fid']);
    switch (type) {
      case 'Tversion':
        if (ok) this.#paths.clear();
        return '';
      case 'Tauth':
      case 'Tflush':
        return '';
      case 'Tattach':
        if (ok) {
          this.#paths.set(fid, '/');
          this.#roots.add(fid);
        }
        return '/';
      case 'Twalk':
        return this.#walk(event);
      case 'Txattrwalk':
        if (ok) this.#paths.set(Number(request['newfid']), this.of(fid));
        return this.of(fid);
      case 'Tlcreate': {
        // The fid of the folder stands for the new file from now on.
        const path = join(this.of(fid), nameText(request['name']));
        if (ok) this.#paths.set(fid, path);
        return path;
      }
      case 'Tclunk':
      case 'Tremove': {
        // Also when it failed: the fid is gone in any case.
        const path = this.of(fid);
        this.#paths.delete(fid);
        this.#roots.delete(fid);
        return path;
      }
      case 'Trename':
        return this.#rename(this.of(fid), join(this.of(Number(request['dfid'])), nameText(request['name'])), ok);
      case 'Trenameat':
        return this.#rename(
          join(this.of(Number(request['olddirfid'])), nameText(request['oldname'])),
          join(this.of(Number(request['newdirfid'])), nameText(request['newname'])),
          ok,
        );
      default: {
        const folder = request['dfid'] ?? request['dirfid'];
        if (folder !== undefined) return join(this.of(Number(folder)), nameText(request['name']));
        return this.of(fid);
      }
    }
  }

  /** `(fid N)` where the inspector was not there when the fid was made. */
  of(fid: number): string {
    return this.#paths.get(fid) ?? `(fid ${fid})`;
  }

  /** Forgets all fids but those that stay as long as the share is mounted. */
  keepRoots(): void {
    for (const fid of this.#paths.keys()) if (!this.#roots.has(fid)) this.#paths.delete(fid);
  }

  #walk({ request = {}, reply }: P9Event): string {
    const names = Array.isArray(request['names']) ? request['names'] : [];
    const target = names.reduce<string>((path, name) => join(path, nameText(name)), this.of(Number(request['fid'])));
    const qids = reply?.['qids'];
    // walk(5): with fewer qids than names newfid was not made.
    if (Array.isArray(qids) && qids.length === names.length) this.#paths.set(Number(request['newfid']), target);
    return target;
  }

  #rename(from: string, to: string, ok: boolean): string {
    if (ok) for (const [fid, path] of this.#paths) this.#paths.set(fid, renamed(path, from, to));
    return `${from} → ${to}`;
  }
}
