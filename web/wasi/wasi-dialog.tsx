import { CircleStop, FileUp, Play } from 'lucide';
import { useState } from 'preact/hooks';
import type { Session } from '../machine/session.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { splitArguments } from './arguments.ts';
import type { WasiRun } from './wasi-run.ts';

export function WasiDialog({ wasi, session }: { readonly wasi: WasiRun; readonly session: Session }) {
  const places = session.places.value;
  const [line, setLine] = useState('');
  const [tag, setTag] = useState(places[0]?.tag);
  const program = wasi.program.value;
  const place = places.find((candidate) => candidate.tag === tag) ?? places[0];
  const running = wasi.running.value;
  const run = (): void => {
    if (place !== undefined) void wasi.run(splitArguments(line), place);
  };
  return (
    <Dialog title="Run a WASI program" onClose={() => wasi.close()} wide>
      <p class="muted">
        A command line program in WebAssembly, as compilers for C, Rust and other languages make them. It runs in this
        page beside Linux, and the shared folder is its folder.
      </p>
      <form
        class="wasi-form"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <Button icon={FileUp} onClick={() => pickProgram(wasi)}>
          {program?.name ?? 'Choose a .wasm file'}
        </Button>
        <label class="labelled">
          Arguments
          <input
            class="field"
            autofocus
            value={line}
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            onInput={(event) => setLine(event.currentTarget.value)}
          />
        </label>
        {places.length > 1 && (
          <label class="labelled">
            Folder
            <select class="field" value={place?.tag} onChange={(event) => setTag(event.currentTarget.value)}>
              {places.map((candidate) => (
                <option key={candidate.tag} value={candidate.tag}>
                  {candidate.mount}
                </option>
              ))}
            </select>
          </label>
        )}
        {running ? (
          <Button icon={CircleStop} onClick={() => void wasi.stop()}>
            Stop
          </Button>
        ) : (
          <Button kind="primary" icon={Play} disabled={program === undefined} onClick={run}>
            Run
          </Button>
        )}
      </form>
      <pre class="wasi-output" tabIndex={0} role="region" aria-label="What the program has printed">
        {wasi.output.value}
      </pre>
      <p class="muted" role="status">
        {running ? 'The program runs …' : wasi.ending.value}
      </p>
    </Dialog>
  );
}

function pickProgram(wasi: WasiRun): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.wasm,application/wasm';
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    if (file !== undefined) wasi.show({ name: file.name, read: async () => new Uint8Array(await file.arrayBuffer()) });
  });
  input.click();
}
