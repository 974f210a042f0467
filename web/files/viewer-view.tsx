import { Download, RotateCcw, Save, X } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { Button, IconButton } from '../ui/button.tsx';
import { bytesText } from '../ui/format.ts';
import type { FileActions } from './file-actions.ts';
import { nameOf } from './paths.ts';
import { hexDump } from './content.ts';
import type { Viewer } from './viewer.ts';

export function ViewerView({ viewer, actions }: { readonly viewer: Viewer; readonly actions: FileActions }) {
  const file = viewer.file.value;
  if (file === undefined) return null;
  const content = viewer.content.value;
  const save = (): void => void actions.try('saved', () => viewer.save());
  return (
    <section class="viewer" aria-label={`File ${nameOf(file.path)}`}>
      <header>
        <h3 title={`${file.place.mount}${file.path}`}>
          {nameOf(file.path)}
          {viewer.dirty && <span class="dirty" title="Not saved yet" />}
        </h3>
        {content.kind === 'text' && content.editable && (
          <IconButton icon={Save} label="Save (Ctrl+S)" onClick={save} disabled={!viewer.dirty} />
        )}
        <IconButton
          icon={Download}
          label="Download this file"
          onClick={() => actions.download({ ...file, type: 'file' })}
        />
        <IconButton icon={X} label="Close the file" onClick={() => void actions.closeViewer()} />
      </header>
      {viewer.outdated.value && (
        <div class="viewer-notice" role="alert">
          <span>The file has changed in the guest.</span>
          <Button icon={RotateCcw} onClick={() => void viewer.reload()}>
            Load it, drop my changes
          </Button>
        </div>
      )}
      {content.kind === 'loading' && <p class="empty">Reading…</p>}
      {content.kind === 'error' && <p class="empty failed">{content.message}</p>}
      {content.kind === 'image' && <ImageView blob={content.blob} name={nameOf(file.path)} />}
      {content.kind === 'bytes' && (
        <div class="viewer-bytes" tabIndex={0} role="region" aria-label={`Bytes of ${nameOf(file.path)}`}>
          <p class="muted">
            Not text: {bytesText(content.size)}, the first {bytesText(content.bytes.length)} of them here.
          </p>
          <pre>{hexDump(content.bytes)}</pre>
        </div>
      )}
      {content.kind === 'text' && (
        <>
          {!content.editable && (
            <p class="viewer-notice">The file is large: this is its beginning, and it cannot be edited here.</p>
          )}
          <textarea
            class="editor"
            aria-label={`Text of ${nameOf(file.path)}`}
            spellcheck={false}
            autocapitalize="off"
            wrap="off"
            readOnly={!content.editable}
            value={viewer.draft.value ?? content.text}
            onInput={(event) => {
              viewer.draft.value = event.currentTarget.value;
            }}
            onKeyDown={(event) => {
              if ((event.ctrlKey || event.metaKey) && event.key === 's') {
                event.preventDefault();
                if (viewer.dirty) save();
              }
            }}
          />
        </>
      )}
    </section>
  );
}

function ImageView({ blob, name }: { readonly blob: Blob; readonly name: string }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return <div class="viewer-image">{url !== '' && <img src={url} alt={name} />}</div>;
}
