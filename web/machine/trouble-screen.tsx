import { CircleAlert, MemoryStick, Power, RotateCw } from 'lucide';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import type { Trouble } from './trouble.ts';

interface TroubleProps {
  readonly trouble: Trouble;
  readonly onAgain: () => void;
  /** Goes on with a folder that is not kept. */
  readonly onMemory: () => void;
}

export function TroubleScreen({
  trouble: { kind, title, advice, details, offerMemory },
  onAgain,
  onMemory,
}: TroubleProps) {
  return (
    <div class="cover">
      <div class={`card trouble ${kind}`} role="alert">
        <h2>
          <Icon icon={kind === 'error' ? CircleAlert : Power} size={22} />
          {title}
        </h2>
        <p>{advice}</p>
        {details !== '' && (
          <pre tabIndex={0} role="region" aria-label="What the machine said">
            {details}
          </pre>
        )}
        <div class="buttons">
          <Button kind="primary" icon={RotateCw} onClick={onAgain}>
            {kind === 'error' ? 'Try again' : 'Start Linux'}
          </Button>
          {offerMemory && (
            <Button icon={MemoryStick} onClick={onMemory}>
              Start with a folder in memory
            </Button>
          )}
        </div>
      </div>
    </div>
  );
}
