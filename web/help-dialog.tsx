import type { VmStatistics } from 'vm9';
import type { Page } from './page.ts';
import { kindNames } from './machine/places.ts';
import { Dialog } from './ui/dialog.tsx';

const shortcuts: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['Ctrl', 'Shift', '1'], 'To the terminal'],
  [['Ctrl', 'Shift', '2'], 'To the files'],
  [['Ctrl', 'Shift', '3'], 'To the 9P inspector'],
  [['Ctrl', 'Shift', 'C'], 'Copy from the terminal'],
  [['Ctrl', 'Shift', 'V'], 'Paste into the terminal'],
  [['Enter'], 'Open a file or folder'],
  [['F2'], 'Rename it'],
  [['Delete'], 'Delete it'],
  [['Shift', 'F10'], 'All that can be done with it'],
  [['Ctrl', 'S'], 'Save the open file'],
  [['?'], 'This help, outside of the terminal'],
];

const beginnings: Readonly<Record<VmStatistics['start'], string>> = {
  boot: 'booted',
  cache: 'at once, from the machine that an earlier visit has booted, which had no folder and no file of yours',
  snapshot: 'from the file of a saved machine',
};

export function HelpDialog({ page }: { readonly page: Page }) {
  return (
    <Dialog title="Linux in this page" onClose={() => void (page.helpOpen.value = false)} wide>
      <div class="help">
        <section>
          <p>
            This is a whole computer: a RISC-V processor, memory and devices, computed in this page, and Linux on it.
            The folder <code>/mnt/host</code> is shared between Linux and the page, and is still there when you come
            back.
          </p>
          <ul>
            <li>Drop files or folders on the panel, and they are in the guest.</li>
            <li>
              The machine can be saved into a file, as it is at that moment, and goes on from it here or at the command
              line.
            </li>
            <li>What the guest writes shows up in the panel at once.</li>
            <li>
              The inspector shows each file operation as a 9P message, and the descriptor chain that carried it through
              the guest’s memory.
            </li>
            <li>Nothing leaves your computer: there is no server behind the page.</li>
          </ul>
          <h3>What it uses here</h3>
          <Facts page={page} />
        </section>
        <section>
          <h3>Keys</h3>
          <dl class="shortcuts">
            {shortcuts.map(([keys, what]) => (
              <div key={what}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
    </Dialog>
  );
}

function Facts({ page }: { readonly page: Page }) {
  const offline = page.offlineTrouble.value;
  const begun = page.session.begun.value;
  return (
    <dl class="facts">
      {page.session.places.value.map(({ tag, mount, kind }) => (
        <div key={tag}>
          <dt>{mount}</dt>
          <dd>{kindNames[kind]}</dd>
        </div>
      ))}
      <div>
        <dt>Memory</dt>
        <dd>
          {page.session.memory.value} MiB,{' '}
          {crossOriginIsolated
            ? 'shared with the page'
            : 'not shared with the page, which is not cross-origin isolated'}
        </dd>
      </div>
      <div>
        <dt>Start</dt>
        <dd>{begun === undefined ? 'under way' : (page.cacheTrouble.value ?? beginnings[begun])}</dd>
      </div>
      <div>
        <dt>Offline</dt>
        <dd>{offline === undefined ? 'works without a connection once it was loaded' : `not kept: ${offline}`}</dd>
      </div>
    </dl>
  );
}
