// A menu at a place on the page: for the right mouse button, the menu key, and buttons that open one.
import { signal } from '@preact/signals';
import type { IconNode } from 'lucide';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

export interface MenuItem {
  readonly label: string;
  readonly icon: IconNode;
  readonly action: () => void;
  readonly danger?: boolean;
}

interface OpenMenu {
  readonly items: readonly MenuItem[];
  readonly x: number;
  readonly y: number;
}

export class Menus {
  readonly shown = signal<OpenMenu | undefined>(undefined);

  /** Opens a menu whose corner is at these viewport coordinates. */
  open(items: readonly MenuItem[], x: number, y: number): void {
    this.shown.value = { items, x, y };
  }

  /** Opens a menu below an element. */
  openBelow(items: readonly MenuItem[], element: Element): void {
    const { left, bottom } = element.getBoundingClientRect();
    this.open(items, left, bottom + 4);
  }
}

/** Keeps a menu this far from the edges of the viewport, in pixels. */
const margin = 8;

export function MenuView({ menus }: { readonly menus: Menus }) {
  const open = menus.shown.value;
  return open === undefined ? null : <MenuBox open={open} close={() => void (menus.shown.value = undefined)} />;
}

function MenuBox({ open: { items, x, y }, close }: { readonly open: OpenMenu; readonly close: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.showPopover();
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(margin, Math.min(x, innerWidth - width - margin))}px`;
    element.style.top = `${Math.max(margin, Math.min(y, innerHeight - height - margin))}px`;
    element.querySelector('button')?.focus();
  }, [x, y]);
  useEffect(() => {
    const before = document.activeElement;
    return () => {
      if (before instanceof HTMLElement && box.current?.contains(document.activeElement) !== false) before.focus();
    };
  }, []);
  const move = (step: number): void => {
    const buttons = Array.from(box.current?.querySelectorAll('button') ?? []);
    const index = buttons.findIndex((button) => button === document.activeElement);
    buttons[(index + step + buttons.length) % buttons.length]?.focus();
  };
  return (
    <div
      ref={box}
      class="menu"
      role="menu"
      popover="auto"
      onToggle={(event) => {
        if (event.newState === 'closed') close();
      }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
          event.preventDefault();
          move(event.key === 'ArrowDown' ? 1 : -1);
        }
        if (event.key === 'Tab') close();
      }}
    >
      {items.map(({ label, icon, action, danger }) => (
        <button
          key={label}
          type="button"
          role="menuitem"
          class={danger === true ? 'danger' : ''}
          onClick={() => {
            close();
            action();
          }}
        >
          <Icon icon={icon} />
          {label}
        </button>
      ))}
    </div>
  );
}
