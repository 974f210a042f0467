import {
  Activity,
  Binary,
  CircleHelp,
  EllipsisVertical,
  FileDown,
  FileUp,
  FolderTree,
  FolderX,
  Monitor,
  Moon,
  Power,
  RotateCw,
  Snowflake,
  Sun,
} from 'lucide';
import type { IconNode } from 'lucide';
import { MeterView } from './inspector/meter-view.tsx';
import type { Theme } from './layout.ts';
import type { FileProgress } from './machine/saved-machines.ts';
import type { SessionState } from './machine/session.ts';
import type { Page } from './page.ts';
import { IconButton } from './ui/button.tsx';

const phases: Readonly<Record<SessionState['phase'], string>> = {
  booting: 'Starting',
  running: 'Running',
  stopping: 'Switching off',
  over: 'Off',
};

const themes: Readonly<Record<Theme, { readonly icon: IconNode; readonly next: Theme; readonly label: string }>> = {
  system: { icon: Monitor, next: 'light', label: 'Colours: as the system has them' },
  light: { icon: Sun, next: 'dark', label: 'Colours: light' },
  dark: { icon: Moon, next: 'system', label: 'Colours: dark' },
};

export function TopBar({ page }: { readonly page: Page }) {
  const { layout, session } = page;
  const { phase } = session.state.value;
  const theme = themes[layout.theme.value];
  return (
    <header class="top-bar">
      <h1>
        <Mark />
        vm9
      </h1>
      <span class={`status ${phase}`} role="status" data-begun={session.begun.value}>
        <span class="dot" aria-hidden="true" />
        {phases[phase]}
        {phase === 'running' && !crossOriginIsolated && (
          <small title="The page is not cross-origin isolated: the machine runs with memory that it does not share with the page. Everything works; the page's answers take a little longer.">
            unshared memory
          </small>
        )}
      </span>
      <FileProgressView progress={page.saved.progress.value} />
      <MeterView inspector={page.inspector} onOpen={() => page.focus('inspector')} />
      <div class="tools">
        <span class="wide-only">
          <IconButton
            icon={FolderTree}
            label="Files panel"
            pressed={layout.filesOpen.value}
            onClick={() => layout.showFiles(!layout.filesOpen.value)}
          />
          <IconButton
            icon={Activity}
            label="9P inspector"
            pressed={layout.inspectorOpen.value}
            onClick={() => layout.showInspector(!layout.inspectorOpen.value)}
          />
        </span>
        <IconButton
          icon={theme.icon}
          label={theme.label}
          onClick={() => {
            layout.theme.value = theme.next;
          }}
        />
        <IconButton icon={CircleHelp} label="Help" onClick={() => void (page.helpOpen.value = true)} />
        <IconButton
          icon={EllipsisVertical}
          label="Machine"
          onClick={({ currentTarget }) => {
            if (!(currentTarget instanceof Element)) return;
            page.menus.openBelow(
              [
                { label: 'Restart Linux', icon: RotateCw, action: () => void page.boot() },
                { label: 'Boot from nothing', icon: Snowflake, action: () => void page.bootCold() },
                ...(phase === 'running'
                  ? [{ label: 'Save the machine…', icon: FileDown, action: () => void page.saved.save() }]
                  : []),
                { label: 'Resume from a file…', icon: FileUp, action: () => page.saved.pick() },
                { label: 'Run a WASI program', icon: Binary, action: () => page.wasi.show() },
                ...(page.picked.granted.value === undefined
                  ? []
                  : [
                      {
                        label: `Stop sharing ${page.picked.granted.value.name}`,
                        icon: FolderX,
                        action: () => void page.unshareFolder(),
                      },
                    ]),
                { label: 'Switch off', icon: Power, action: () => void session.powerOff() },
              ],
              currentTarget,
            );
          }}
        />
      </div>
    </header>
  );
}

/** There while a machine is written into a file, or read from one. */
function FileProgressView({ progress }: { readonly progress: FileProgress | undefined }) {
  if (progress === undefined) return null;
  const { text, fraction } = progress;
  return (
    <span class="file-progress" role="status">
      {text}
      <progress aria-label={text} max={1} {...(fraction !== undefined && { value: fraction })} />
    </span>
  );
}

/** The mark: a prompt and a nine. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="prompt" d="M7 9l5 7-5 7" />
      <path class="nine" d="M25 14.5a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0c0 5-2 8-6 9" />
    </svg>
  );
}
