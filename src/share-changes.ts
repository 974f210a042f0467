// Changes in a share on their way to those who watch it: collected while the last ones are being heard.

/** Something that happened to a file or folder of a share. */
export interface ShareChange {
  /** `changed`: the content or the attributes; of a folder's entries each is told by itself. */
  readonly type: 'created' | 'changed' | 'removed' | 'renamed';
  /** Absolute in the share. A name that is not UTF-8 is shown with U+FFFD in its place. */
  readonly path: string;
  /** Where it was, of what was renamed. */
  readonly from?: string;
}

/** More than this many are told as a change of the root: everything may have changed. */
const maximumCollected = 10_000;

/**
 * The thread of a machine may sleep at any time, without timers: so the first change goes out at once, and those that come
 * meanwhile when the receiver says that it has heard.
 */
export class ChangeFeed {
  readonly #post: (changes: readonly ShareChange[]) => void;
  #collected: ShareChange[] = [];
  /** Paths whose last change among the collected says already that they may have changed. */
  readonly #fresh = new Set<string>();
  #overflowed = false;
  #awaitsHearing = false;

  constructor(post: (changes: readonly ShareChange[]) => void) {
    this.#post = post;
  }

  add(change: ShareChange): void {
    if (!this.#awaitsHearing) {
      this.#awaitsHearing = true;
      this.#post([change]);
      return;
    }
    if (this.#overflowed || (change.type === 'changed' && this.#fresh.has(change.path))) return;
    if (this.#collected.length === maximumCollected) {
      this.#overflowed = true;
      this.#collected = [{ type: 'changed', path: '/' }];
      return;
    }
    this.#collected.push(change);
    if (change.type === 'renamed') this.#fresh.clear();
    else if (change.type === 'removed') this.#fresh.delete(change.path);
    else this.#fresh.add(change.path);
  }

  /** The receiver has heard of what was posted. */
  heard(): void {
    const changes = this.#collected;
    this.#awaitsHearing = changes.length > 0;
    this.#collected = [];
    this.#fresh.clear();
    this.#overflowed = false;
    if (this.#awaitsHearing) this.#post(changes);
  }
}
