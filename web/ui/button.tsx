import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { Icon } from './icon.tsx';

interface IconButtonProps {
  readonly icon: IconNode;
  /** What it does: the accessible name and the tooltip. */
  readonly label: string;
  readonly onClick: (event: MouseEvent) => void;
  /** For a button that stays down. */
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly danger?: boolean;
}

export function IconButton({ icon, label, onClick, pressed, disabled = false, danger = false }: IconButtonProps) {
  return (
    <button
      type="button"
      class={danger ? 'icon-button danger' : 'icon-button'}
      aria-label={label}
      title={label}
      {...(pressed !== undefined && { 'aria-pressed': pressed })}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon icon={icon} />
    </button>
  );
}

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onClick: () => void;
  readonly kind?: 'primary' | 'plain' | 'danger';
  readonly icon?: IconNode;
  readonly autofocus?: boolean;
  readonly disabled?: boolean;
}

export function Button({ children, onClick, kind = 'plain', icon, autofocus = false, disabled = false }: ButtonProps) {
  return (
    <button type="button" class={`button ${kind}`} onClick={onClick} autofocus={autofocus} disabled={disabled}>
      {icon !== undefined && <Icon icon={icon} />}
      {children}
    </button>
  );
}
