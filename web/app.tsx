import { BootScreen } from './machine/boot-screen.tsx';
import { TroubleScreen } from './machine/trouble-screen.tsx';
import { FilesView } from './files/files-view.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { InspectorView } from './inspector/inspector-view.tsx';
import type { Page } from './page.ts';
import { TabBar } from './tab-bar.tsx';
import { TerminalView } from './terminal/terminal-view.tsx';
import { TopBar } from './top-bar.tsx';
import { MenuView } from './ui/menu.tsx';
import { NoticeList } from './ui/notices.tsx';
import { QuestionDialog } from './ui/questions.tsx';
import { WasiDialog } from './wasi/wasi-dialog.tsx';
import { Splitter } from './ui/splitter.tsx';

export function App({ page }: { readonly page: Page }) {
  const { layout } = page;
  const files = layout.shows('files');
  const inspector = layout.shows('inspector');
  const wide = !layout.narrow.value;
  return (
    <div class="page">
      <nav class="skip-links" aria-label="Skip to">
        <SkipButton page={page} to="terminal" text="To the terminal" />
        <SkipButton page={page} to="files" text="To the files" />
        <SkipButton page={page} to="inspector" text="To the 9P inspector" />
      </nav>
      <TopBar page={page} />
      <main
        class="panels"
        style={{
          '--files-width': `${layout.filesWidth.value}px`,
          '--inspector-height': `${layout.inspectorHeight.value}px`,
          '--viewer-height': `${layout.viewerHeight.value}px`,
        }}
      >
        <div class="upper" hidden={!layout.shows('terminal') && !files}>
          <section
            class="panel console"
            id="terminal"
            aria-label="Terminal"
            tabIndex={-1}
            hidden={!layout.shows('terminal')}
            onDragOver={(event) => {
              if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault();
            }}
            onDrop={(event) => {
              event.preventDefault();
              if (event.dataTransfer !== null) void page.saved.drop(event.dataTransfer.files);
            }}
          >
            <TerminalView screen={page.screen} />
            <Cover page={page} />
          </section>
          {files && (
            <>
              {wide && (
                <Splitter
                  label="Width of the files panel"
                  orientation="vertical"
                  size={layout.filesWidth}
                  minimum={260}
                  maximum={() => innerWidth - 320}
                />
              )}
              <FilesView page={page} />
            </>
          )}
        </div>
        {inspector && (
          <>
            {wide && (
              <Splitter
                label="Height of the inspector"
                orientation="horizontal"
                size={layout.inspectorHeight}
                minimum={180}
                maximum={() => innerHeight - 240}
              />
            )}
            <InspectorView
              inspector={page.inspector}
              ramSize={page.session.memory.value * 2 ** 20}
              onClose={() => layout.showInspector(false)}
            />
          </>
        )}
        <MenuView menus={page.menus} />
      </main>
      {!wide && <TabBar layout={layout} />}
      <QuestionDialog questions={page.questions} />
      {page.helpOpen.value && <HelpDialog page={page} />}
      {page.wasi.open.value && <WasiDialog wasi={page.wasi} session={page.session} />}
      <NoticeList notices={page.notices} />
    </div>
  );
}

/** What lies over the terminal while there is nothing to type to. */
function Cover({ page }: { readonly page: Page }) {
  const state = page.session.state.value;
  if (state.phase === 'running') return null;
  if (state.phase === 'over') {
    return (
      <TroubleScreen
        trouble={state.trouble}
        onAgain={() => void page.boot()}
        onMemory={() => void page.boot('memory')}
      />
    );
  }
  return <BootScreen progress={page.session.boot.value} stopping={state.phase === 'stopping'} />;
}

/** Not a link: the panel may have to be opened first. */
function SkipButton({
  page,
  to,
  text,
}: {
  readonly page: Page;
  readonly to: 'terminal' | 'files' | 'inspector';
  readonly text: string;
}) {
  return (
    <button type="button" onClick={() => page.focus(to)}>
      {text}
    </button>
  );
}
