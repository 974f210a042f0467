// Which panels are open and how large they are: kept for the next visit. Also which one a narrow screen shows.
import { computed, effect, signal, type Signal } from '@preact/signals';

export const tabs = ['terminal', 'files', 'inspector'] as const;
export type Tab = (typeof tabs)[number];

export type Theme = 'system' | 'light' | 'dark';

/** Below this width one panel is shown at a time; the style sheet says the same. */
const narrow = matchMedia('(max-width: 760px)');
const darkSystem = matchMedia('(prefers-color-scheme: dark)');

export class Layout {
  readonly narrow = queried(narrow);
  readonly tab = signal<Tab>('terminal');
  readonly filesOpen = kept('files-open', true);
  readonly inspectorOpen = kept('inspector-open', false);
  readonly filesWidth = kept('files-width', 380);
  readonly inspectorHeight = kept('inspector-height', 400);
  readonly viewerHeight = kept('viewer-height', 300);
  readonly theme = kept<Theme>('theme', 'system');
  readonly #systemDark = queried(darkSystem);
  readonly dark = computed(() =>
    this.theme.value === 'system' ? this.#systemDark.value : this.theme.value === 'dark',
  );

  constructor() {
    effect(() => {
      const { value } = this.theme;
      document.documentElement.style.colorScheme = value === 'system' ? 'light dark' : value;
    });
  }

  shows(tab: Tab): boolean {
    if (this.narrow.value) return this.tab.value === tab;
    return tab === 'terminal' || (tab === 'files' ? this.filesOpen.value : this.inspectorOpen.value);
  }

  showFiles(open: boolean): void {
    this.#show('files', this.filesOpen, open);
  }

  showInspector(open: boolean): void {
    this.#show('inspector', this.inspectorOpen, open);
  }

  /** Shows a panel. */
  go(tab: Tab): void {
    if (tab === 'files') this.showFiles(true);
    else if (tab === 'inspector') this.showInspector(true);
    else this.tab.value = 'terminal';
  }

  #show(tab: Tab, open: Signal<boolean>, wanted: boolean): void {
    // A narrow screen leaves a panel open that it does not show: the inspector records what is typed in the terminal.
    if (this.narrow.peek()) this.tab.value = wanted ? tab : 'terminal';
    if (!this.narrow.peek() || wanted) open.value = wanted;
  }
}

function queried(query: MediaQueryList): Signal<boolean> {
  const matches = signal(query.matches);
  query.addEventListener('change', () => {
    matches.value = query.matches;
  });
  return matches;
}

/** A signal whose value is there again on the next visit. */
function kept<T extends string | number | boolean>(name: string, initial: T): Signal<T> {
  const key = `vm9.${name}`;
  const value = signal(initial);
  try {
    const before: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
    if (typeof before === typeof initial) value.value = before as T;
    effect(() => localStorage.setItem(key, JSON.stringify(value.value)));
  } catch (error) {
    // A browser can refuse storage to a frame: then nothing is kept, and nothing else depends on it.
    if (!(error instanceof DOMException)) throw error;
  }
  return value;
}
