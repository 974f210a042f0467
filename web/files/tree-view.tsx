// The tree: one element has the focus, and tells which row is meant by aria-activedescendant (the ARIA tree pattern).
import { ChevronRight, Ellipsis, File, FileSymlink, Folder, FolderOpen, HardDrive } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../ui/icon.tsx';
import type { Menus } from '../ui/menu.tsx';
import type { FileActions } from './file-actions.ts';
import type { FileTree, Row } from './tree.ts';

interface TreeProps {
  readonly tree: FileTree;
  readonly actions: FileActions;
  readonly menus: Menus;
}

/** Milliseconds within which letters belong to one name that is searched for. */
const typingTime = 700;

export function TreeView({ tree, actions, menus }: TreeProps) {
  const element = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: '', time: 0 });
  const rows = tree.rows.value;
  const selected = rows.findIndex(({ key }) => key === tree.selected.value);
  const row = rows[selected];

  useEffect(() => {
    element.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [row?.key]);

  const select = (index: number): void => {
    const next = rows[Math.max(0, Math.min(index, rows.length - 1))];
    if (next !== undefined) tree.selected.value = next.key;
  };
  const openMenu = (of: Row): void => {
    const at = document.getElementById(rowId(of));
    if (at !== null) menus.openBelow(actions.menuOf(of), at);
  };
  const keys: Readonly<Record<string, (on: Row) => void>> = {
    ArrowDown: () => select(selected + 1),
    ArrowUp: () => select(selected - 1),
    Home: () => select(0),
    End: () => select(rows.length - 1),
    ArrowRight: (on) => (on.expanded === false ? tree.expand(on) : select(selected + (on.expanded === true ? 1 : 0))),
    ArrowLeft: (on) => (on.expanded === true ? tree.collapse(on) : select(parentIndex(rows, selected))),
    Enter: (on) => toggleOrOpen(on),
    ' ': (on) => toggleOrOpen(on),
    F2: (on) => void actions.rename(on),
    Delete: (on) => void actions.remove(on),
    ContextMenu: (on) => openMenu(on),
  };
  const toggleOrOpen = (on: Row): void => {
    if (on.expanded === true) tree.collapse(on);
    else void actions.open(on);
  };
  const search = (letter: string): void => {
    const now = performance.now();
    typed.current = { text: now - typed.current.time < typingTime ? typed.current.text + letter : letter, time: now };
    const text = typed.current.text.toLowerCase();
    const start = text.length === 1 ? selected + 1 : selected;
    const found = [...rows.slice(start), ...rows.slice(0, start)].find(({ name }) =>
      name.toLowerCase().startsWith(text),
    );
    if (found !== undefined) tree.selected.value = found.key;
  };

  return (
    <div
      ref={element}
      class="tree"
      role="tree"
      aria-label="Shared files"
      tabIndex={0}
      {...(row !== undefined && { 'aria-activedescendant': rowId(row) })}
      onKeyDown={(event) => {
        if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        const action = event.key === 'F10' && event.shiftKey ? keys['ContextMenu'] : keys[event.key];
        if (action === undefined && event.key.length > 1) return;
        event.preventDefault();
        if (action === undefined) search(event.key);
        else action(row);
      }}
    >
      {rows.map((shown) => (
        <TreeRow
          key={shown.key}
          row={shown}
          selected={shown.key === row?.key}
          onClick={() => {
            tree.selected.value = shown.key;
            toggleOrOpen(shown);
          }}
          onMenu={(x, y) => {
            tree.selected.value = shown.key;
            menus.open(actions.menuOf(shown), x, y);
          }}
        />
      ))}
    </div>
  );
}

interface RowProps {
  readonly row: Row;
  readonly selected: boolean;
  readonly onClick: () => void;
  readonly onMenu: (x: number, y: number) => void;
}

function TreeRow({ row, selected, onClick, onMenu }: RowProps) {
  const { level, position, count, expanded, name, error, empty } = row;
  return (
    <>
      <div
        id={rowId(row)}
        class={level === 1 ? 'tree-row share' : 'tree-row'}
        role="treeitem"
        aria-level={level}
        aria-posinset={position}
        aria-setsize={count}
        aria-selected={selected}
        {...(expanded !== undefined && { 'aria-expanded': expanded })}
        data-path={row.path}
        style={{ '--level': level - 1 }}
        onClick={onClick}
        onContextMenu={(event) => {
          event.preventDefault();
          onMenu(event.clientX, event.clientY);
        }}
      >
        <span class={expanded === true ? 'twist open' : 'twist'}>
          {expanded !== undefined && <Icon icon={ChevronRight} size={14} />}
        </span>
        <Icon icon={iconOf(row)} />
        <span class="name">{name}</span>
        <button
          type="button"
          class="row-menu"
          // For the mouse: by the keyboard it is Shift+F10.
          tabIndex={-1}
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            const { left, bottom } = event.currentTarget.getBoundingClientRect();
            onMenu(left, bottom);
          }}
        >
          <Icon icon={Ellipsis} />
        </button>
      </div>
      {error !== undefined && (
        <p class="tree-error failed" style={{ '--level': level }}>
          {error}
        </p>
      )}
      {empty && error === undefined && (
        <p class="tree-empty" style={{ '--level': level }}>
          {level === 1 ? 'Empty. Drop files or folders here, or make some in the terminal.' : 'empty'}
        </p>
      )}
    </>
  );
}

function iconOf({ type, expanded, level }: Row) {
  if (level === 1) return HardDrive;
  if (type === 'directory') return expanded === true ? FolderOpen : Folder;
  return type === 'symlink' ? FileSymlink : File;
}

function rowId({ key }: Row): string {
  return `row-${key}`;
}

function parentIndex(rows: readonly Row[], index: number): number {
  const level = rows[index]?.level ?? 1;
  const above = rows.slice(0, index).findLastIndex((row) => row.level < level);
  return above === -1 ? index : above;
}
