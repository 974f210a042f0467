import { Check, LoaderCircle } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { bytesText, durationText } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import type { BootProgress } from './boot-steps.ts';

/** Milliseconds in which a machine that goes on from an earlier boot is there: nobody could read this, and drawing it takes long. */
const unreadTime = 600;

export function BootScreen({ progress, stopping }: { readonly progress: BootProgress; readonly stopping: boolean }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), unreadTime);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return null;
  const { steps, fraction, download } = progress;
  const current = steps.find(({ state }) => state === 'current');
  const doing = stopping ? 'Linux writes its files back and switches off' : (current?.text ?? 'Starting a shell');
  return (
    <div class="cover">
      <div class="card boot">
        <h2>{stopping ? 'Switching off' : 'Starting Linux'}</h2>
        <p class="doing" role="status">
          {doing}
          {download !== undefined && ` · ${bytesText(download.loaded)} of ${bytesText(download.total)}`}
        </p>
        <progress aria-label={doing} max={1} {...(!stopping && { value: fraction })} />
        {!stopping && (
          <ol>
            {steps.map(({ stage, text, state, took }) => (
              <li key={stage} class={state}>
                <span class="state">
                  {state === 'done' && <Icon icon={Check} size={14} />}
                  {state === 'current' && <Icon icon={LoaderCircle} size={14} />}
                </span>
                {text}
                <span class="took">{took !== undefined && durationText(took)}</span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </div>
  );
}
