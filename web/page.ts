// The page as a whole: its parts, and what they do together.
import { effect, signal } from '@preact/signals';
import { browserCache, type StartCache } from 'vm9';
import { FileActions } from './files/file-actions.ts';
import { PickedFolder } from './files/picked-folder.ts';
import { StorageWatch } from './files/storage-state.ts';
import { FileTree } from './files/tree.ts';
import { Viewer } from './files/viewer.ts';
import { Inspector } from './inspector/inspector.ts';
import { Layout, tabs, type Tab } from './layout.ts';
import { cacheName } from './machine/cache-name.ts';
import { homePlace, pickedPlace, type Place } from './machine/places.ts';
import { SavedMachines, type SavedMachine } from './machine/saved-machines.ts';
import { Session, type SessionPlan } from './machine/session.ts';
import { isKept, mustReload, registerServiceWorker, type OfflineTrouble } from './offline.ts';
import type { PageOptions, Store } from './page-options.ts';
import type { StartAhead } from './start-ahead.ts';
import { Screen } from './terminal/screen.ts';
import { Menus } from './ui/menu.tsx';
import { Notices } from './ui/notices.tsx';
import { Questions } from './ui/questions.tsx';
import { WasiRun } from './wasi/wasi-run.ts';

/** Of the worker and the guest image of this page: scripts/build-site.js has it. */
declare const siteVersion: string;

/** Milliseconds in which Linux starts anywhere. */
const settlingTime = 10_000;

export class Page {
  readonly options: PageOptions;
  readonly layout = new Layout();
  readonly notices = new Notices();
  readonly questions = new Questions();
  readonly menus = new Menus();
  readonly screen = new Screen();
  readonly session = new Session(this.screen);
  readonly inspector = new Inspector(this.session);
  readonly tree = new FileTree(this.session);
  readonly viewer = new Viewer(this.tree);
  readonly wasi = new WasiRun(this.session);
  readonly actions = new FileActions(this);
  readonly saved = new SavedMachines(this);
  readonly storage = new StorageWatch();
  readonly picked = new PickedFolder();
  readonly helpOpen = signal(false);
  /** Why the page cannot be used offline; undefined where it can. */
  readonly offlineTrouble = signal<OfflineTrouble>(undefined);
  /** Why the present machine could not be kept as it has booted, or go on from one that was; undefined while all is well. */
  readonly cacheTrouble = signal<string | undefined>(undefined);
  #cache: StartCache | undefined;
  /** What the home folder is kept in, while the user has not asked for another. */
  #store: Store;

  /** Its first machine takes what was begun `ahead` of it. */
  constructor(options: PageOptions, ahead: StartAhead | undefined) {
    this.options = options;
    this.#store = options.store;
    if (ahead !== undefined) this.session.expectStart(ahead.worker);
    if (!options.cold) this.#cache = this.#openCache(ahead);
    effect(() => this.screen.setDark(this.layout.dark.value));
    effect(() => {
      this.inspector.open.value = this.layout.inspectorOpen.value;
    });
    effect(() => {
      if (this.session.state.value.phase === 'running') this.focus('terminal');
    });
  }

  /** Finds what earlier visits have left, and boots. */
  async start(): Promise<void> {
    addEventListener('keydown', (event) => this.#shortcut(event));
    if (mustReload()) await this.#registerServiceWorker();
    // One that has given the page its files has time: it would look through all of them while Linux starts.
    else void (isKept() ? this.#settled() : Promise.resolve()).then(() => this.#registerServiceWorker());
    addEventListener('pagehide', ({ persisted }) => {
      if (!persisted) this.session.leavePage();
    });
    void this.#settled().then(() => this.storage.start());
    await this.actions.try(undefined, () => this.picked.recall());
    await this.boot();
  }

  #openCache(ahead?: StartAhead): StartCache {
    return browserCache({
      version: siteVersion,
      name: cacheName(),
      ...(ahead?.booted !== undefined && { ahead: ahead.booted }),
      onProblem: (line) => {
        this.cacheTrouble.value = line;
        console.warn(`vm9: ${line}`);
      },
    });
  }

  /** Resolves when Linux runs, or does not; at the latest when it should. */
  #settled(): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, settlingTime);
      effect(() => {
        const { phase } = this.session.state.value;
        if (phase === 'running' || phase === 'over') resolve();
      });
    });
  }

  async #registerServiceWorker(): Promise<void> {
    this.offlineTrouble.value = await registerServiceWorker({
      onUpdate: (apply) =>
        this.notices.offer('A new version of this page is there. It restarts Linux.', 'Load it', apply),
    });
  }

  /**
   * Starts Linux, in place of the machine that runs: where it has booted before, or, `cold`, from nothing. `store` is where the home
   * folder is kept from now on.
   */
  async boot(store: Store = this.#store, cold: boolean = this.options.cold): Promise<void> {
    this.#store = store;
    if (store !== 'memory') void this.storage.persist();
    const { memory, transport } = this.options;
    const cache = cold ? {} : { cache: (this.#cache ??= this.#openCache()) };
    await this.#begin({ memory, transport, places: this.places(), ...cache });
  }

  /** Boots without what earlier visits have kept of the machine. */
  async bootCold(): Promise<void> {
    await this.boot(this.#store, true);
  }

  /** Goes on with a machine that was saved, in place of the one that runs. */
  async resume({ snapshot, memory, places }: SavedMachine): Promise<void> {
    await this.#begin({ memory, transport: this.options.transport, snapshot, places });
  }

  async #begin(plan: SessionPlan): Promise<void> {
    this.cacheTrouble.value = undefined;
    await this.session.start(plan);
  }

  /** The folders that a machine of this page has. */
  places(): readonly Place[] {
    const folder = this.picked.granted.peek();
    return [homePlace(this.#store), ...(folder === undefined ? [] : [pickedPlace(folder)])];
  }

  /** Lets the user pick a folder of the computer, and boots with it. */
  async pickFolder(): Promise<void> {
    if (!(await this.mayRestart('Share a folder of this computer', 'Choose the folder'))) return;
    await this.actions.try(undefined, async () => {
      if (await this.picked.pick()) await this.boot();
    });
  }

  /** Boots with the folder that an earlier visit has picked. */
  async reopenFolder(): Promise<void> {
    await this.actions.try(undefined, async () => {
      if (await this.picked.reopen()) await this.boot();
    });
  }

  /** Boots without the folder of the computer, and forgets it. */
  async unshareFolder(): Promise<void> {
    if (!(await this.mayRestart('Stop sharing the folder', 'Stop sharing'))) return;
    await this.actions.try(undefined, async () => {
      await this.picked.forget();
      await this.boot();
    });
  }

  /** Asks the browser to keep the folder. */
  async protect(): Promise<void> {
    if (await this.storage.persist()) this.notices.done('The browser keeps your folder until you remove it');
    else this.notices.error('The browser declined. A bookmark, or installing the page, makes it likelier to agree.');
  }

  focus(tab: Tab): void {
    this.layout.go(tab);
    // After the panel was drawn.
    requestAnimationFrame(() => {
      if (tab === 'terminal') this.screen.focus();
      else
        document
          .querySelector<HTMLElement>(tab === 'files' ? '#files [role=tree]' : '#inspector [role=listbox]')
          ?.focus();
    });
  }

  /** Folders are mounted when Linux starts: asks where something may run in it. */
  async mayRestart(title: string, action: string, what = 'Linux restarts for that'): Promise<boolean> {
    if (this.session.state.peek().phase !== 'running') return true;
    const text = `${what}: programs that run in it end. Files are kept.`;
    return this.questions.confirm({ title, text, action, danger: false });
  }

  #shortcut(event: KeyboardEvent): void {
    const tab = tabs[Number(/^Digit(\d)$/.exec(event.code)?.[1]) - 1];
    if (event.ctrlKey && event.shiftKey && tab !== undefined) {
      event.preventDefault();
      this.focus(tab);
    }
    if (event.key === '?' && !isTypedInto(event.target)) this.helpOpen.value = true;
  }
}

function isTypedInto(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, [role=tree]') !== null;
}
