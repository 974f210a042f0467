import { Activity, FolderTree, SquareTerminal } from 'lucide';
import type { Layout, Tab } from './layout.ts';
import { Icon } from './ui/icon.tsx';

const views = [
  { tab: 'terminal', text: 'Terminal', icon: SquareTerminal },
  { tab: 'files', text: 'Files', icon: FolderTree },
  { tab: 'inspector', text: 'Inspector', icon: Activity },
] as const satisfies readonly { readonly tab: Tab; readonly text: string; readonly icon: unknown }[];

/** On a narrow screen: which panel is shown. */
export function TabBar({ layout }: { readonly layout: Layout }) {
  return (
    <nav class="tab-bar" aria-label="Panels">
      {views.map(({ tab, text, icon }) => (
        <button
          key={tab}
          type="button"
          {...(layout.tab.value === tab && { 'aria-current': 'page' as const })}
          onClick={() => layout.go(tab)}
        >
          <Icon icon={icon} size={20} />
          {text}
        </button>
      ))}
    </nav>
  );
}
