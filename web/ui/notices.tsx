// Short messages about something that was asked for: done, or why not. They go away by themselves, errors do not.
import { signal } from '@preact/signals';
import { CircleAlert, CircleCheck, Sparkles, X } from 'lucide';
import { Button, IconButton } from './button.tsx';
import { Icon } from './icon.tsx';

interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'error' | 'offer';
  readonly text: string;
  readonly action: { readonly label: string; readonly run: () => void } | undefined;
}

const shownTime = 4000;

export class Notices {
  readonly list = signal<readonly Notice[]>([]);
  #lastId = 0;

  done(text: string): void {
    const id = this.#add('done', text);
    setTimeout(() => this.dismiss(id), shownTime);
  }

  error(text: string): void {
    this.#add('error', text);
  }

  /** Something that can be done, and stays until it was or was dismissed. */
  offer(text: string, label: string, run: () => void): void {
    this.#add('offer', text, { label, run });
  }

  dismiss(id: number): void {
    this.list.value = this.list.value.filter((notice) => notice.id !== id);
  }

  #add(kind: Notice['kind'], text: string, action?: Notice['action']): number {
    const id = ++this.#lastId;
    this.list.value = [...this.list.value.slice(-2), { id, kind, text, action }];
    return id;
  }
}

const icons = { done: CircleCheck, error: CircleAlert, offer: Sparkles } as const;

export function NoticeList({ notices }: { readonly notices: Notices }) {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.list.value.map(({ id, kind, text, action }) => (
        <div key={id} class={`notice ${kind}`}>
          <Icon icon={icons[kind]} />
          <span>{text}</span>
          {action !== undefined && (
            <Button kind="primary" onClick={action.run}>
              {action.label}
            </Button>
          )}
          <IconButton icon={X} label="Dismiss" onClick={() => notices.dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
