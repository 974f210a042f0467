import type { Signal } from '@preact/signals';

interface SplitterProps {
  readonly label: string;
  /** 'vertical' stands between columns, 'horizontal' between rows. */
  readonly orientation: 'vertical' | 'horizontal';
  /** Pixels of the panel behind it. */
  readonly size: Signal<number>;
  readonly minimum: number;
  readonly maximum: () => number;
}

const step = 24;

/** A bar to drag, or to move with the arrow keys. The panel behind it (right of it, or below) changes its size. */
export function Splitter({ label, orientation, size, minimum, maximum }: SplitterProps) {
  const set = (wanted: number): void => {
    size.value = Math.round(Math.max(minimum, Math.min(wanted, maximum())));
  };
  const keys = orientation === 'vertical' ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
  return (
    <div
      class={`splitter ${orientation}`}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={orientation}
      aria-valuenow={size.value}
      aria-valuemin={minimum}
      onKeyDown={(event) => {
        const direction = keys.indexOf(event.key);
        if (direction === -1) return;
        event.preventDefault();
        set(size.value + (direction === 0 ? step : -step));
      }}
      onPointerDown={(event) => {
        const from = orientation === 'vertical' ? event.clientX : event.clientY;
        const before = size.value;
        const bar = event.currentTarget;
        bar.setPointerCapture(event.pointerId);
        bar.onpointermove = (move) => set(before + from - (orientation === 'vertical' ? move.clientX : move.clientY));
        bar.onlostpointercapture = () => {
          bar.onpointermove = null;
        };
      }}
    />
  );
}
