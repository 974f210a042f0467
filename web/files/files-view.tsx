import { Download, FolderInput, FolderPlus, Upload, X } from 'lucide';
import { useRef, useState } from 'preact/hooks';
import { Button, IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { Splitter } from '../ui/splitter.tsx';
import type { Page } from '../page.ts';
import { StoreStatus } from './store-status.tsx';
import { droppedUploads } from './upload.ts';
import { TreeView } from './tree-view.tsx';
import type { Item } from './tree.ts';
import { ViewerView } from './viewer-view.tsx';

export function FilesView({ page }: { readonly page: Page }) {
  const { tree, viewer, actions, menus, session, storage, layout, picked } = page;
  const places = session.places.value;
  const first = places[0];
  const share: Item | undefined = first && { place: first, path: '/', type: 'directory' };
  const target = tree.selectedRow ?? share;
  const panel = useRef<HTMLElement>(null);
  return (
    <section class="panel files" id="files" aria-label="Files" tabIndex={-1} ref={panel}>
      <header class="panel-header">
        <h2>Files</h2>
        <div class="tools" role="toolbar" aria-label="Files">
          <IconButton
            icon={Upload}
            label="Upload files or a folder"
            disabled={target === undefined}
            onClick={({ currentTarget }) => {
              if (target === undefined || !(currentTarget instanceof Element)) return;
              menus.openBelow(actions.menuOf({ ...target, type: 'directory' }).slice(2, 4), currentTarget);
            }}
          />
          <IconButton
            icon={FolderPlus}
            label="New folder"
            disabled={target === undefined}
            onClick={() => target && void actions.newFolder(target)}
          />
          <IconButton
            icon={Download}
            label={
              target === undefined || target.type === 'directory' ? 'Download the folder as tar' : 'Download the file'
            }
            disabled={target === undefined}
            onClick={() => target && actions.download(target)}
          />
          {picked.supported && (
            <IconButton
              icon={FolderInput}
              label="Share a folder of this computer"
              onClick={() => void page.pickFolder()}
            />
          )}
        </div>
        <IconButton icon={X} label="Close the files panel" onClick={() => layout.showFiles(false)} />
      </header>
      {picked.offered.value !== undefined && (
        <div class="offer">
          <span>
            Last time you shared <b>{picked.offered.value.name}</b>, a folder of this computer.
          </span>
          <Button kind="primary" icon={FolderInput} onClick={() => void page.reopenFolder()}>
            Share it again
          </Button>
          <Button onClick={() => void picked.forget()}>Forget it</Button>
        </div>
      )}
      <DropArea page={page} share={share} />
      {actions.transfer.value !== undefined && (
        <div class="transfer" role="status">
          <span>{actions.transfer.value.text}</span>
          <Button onClick={actions.transfer.value.cancel}>Cancel</Button>
        </div>
      )}
      {viewer.file.value !== undefined && (
        <>
          <Splitter
            label="Height of the open file"
            orientation="horizontal"
            size={layout.viewerHeight}
            minimum={120}
            maximum={() => (panel.current?.clientHeight ?? 600) - 180}
          />
          <ViewerView viewer={viewer} actions={actions} />
        </>
      )}
      <StoreStatus places={places} storage={storage} onPersist={() => void page.protect()} />
    </section>
  );
}

/** The tree, into which files and folders can be dropped: onto a row, or anywhere for the first share. */
function DropArea({ page, share }: { readonly page: Page; readonly share: Item | undefined }) {
  const { tree, actions, menus } = page;
  const [over, setOver] = useState<string | undefined>(undefined);
  const folderAt = (target: EventTarget | null): Item | undefined => {
    const id = target instanceof Element ? target.closest('[role=treeitem]')?.id : undefined;
    return tree.rows.peek().find(({ key }) => `row-${key}` === id) ?? share;
  };
  return (
    <div
      class={over === undefined ? 'drop-area' : 'drop-area over'}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes('Files') !== true) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = 'copy';
        const item = folderAt(event.target);
        setOver(item && `${item.place.mount}${item.path === '/' ? '' : item.path}`);
      }}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node) || !event.currentTarget.contains(event.relatedTarget))
          setOver(undefined);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(undefined);
        const item = folderAt(event.target);
        if (event.dataTransfer !== null && item !== undefined)
          void actions.upload(item, droppedUploads(event.dataTransfer));
      }}
    >
      <TreeView tree={tree} actions={actions} menus={menus} />
      {over !== undefined && (
        <p class="drop-hint">
          <Icon icon={Upload} /> Drop into {over}
        </p>
      )}
    </div>
  );
}
