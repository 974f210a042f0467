// Questions that a part of the page asks and waits for: a name, a yes.
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';

interface NameQuestion {
  readonly kind: 'name';
  readonly title: string;
  readonly label: string;
  readonly value: string;
  readonly action: string;
  /** What is wrong with a name; undefined for nothing. */
  readonly problem: (name: string) => string | undefined;
}

interface ConfirmQuestion {
  readonly kind: 'confirm';
  readonly title: string;
  readonly text: string;
  readonly action: string;
  /** The action destroys something. */
  readonly danger: boolean;
}

interface Asked {
  readonly question: NameQuestion | ConfirmQuestion;
  readonly answer: (answer: string | undefined) => void;
}

export class Questions {
  readonly asked = signal<Asked | undefined>(undefined);

  /** Resolves with the name, undefined where the user thought better of it. */
  name(question: Omit<NameQuestion, 'kind'>): Promise<string | undefined> {
    return this.#ask({ kind: 'name', ...question });
  }

  async confirm(question: Omit<ConfirmQuestion, 'kind'>): Promise<boolean> {
    return (await this.#ask({ kind: 'confirm', ...question })) !== undefined;
  }

  #ask(question: Asked['question']): Promise<string | undefined> {
    this.asked.value?.answer(undefined);
    return new Promise((resolve) => {
      this.asked.value = {
        question,
        answer: (answer) => {
          this.asked.value = undefined;
          resolve(answer);
        },
      };
    });
  }
}

export function QuestionDialog({ questions }: { readonly questions: Questions }) {
  const asked = questions.asked.value;
  if (asked === undefined) return null;
  const { question, answer } = asked;
  return (
    <Dialog title={question.title} onClose={() => answer(undefined)}>
      {question.kind === 'name' ? (
        <NameForm question={question} answer={answer} />
      ) : (
        <>
          <p>{question.text}</p>
          <footer>
            <Button onClick={() => answer(undefined)} autofocus>
              Cancel
            </Button>
            <Button kind={question.danger ? 'danger' : 'primary'} onClick={() => answer('')}>
              {question.action}
            </Button>
          </footer>
        </>
      )}
    </Dialog>
  );
}

function NameForm({ question, answer }: { readonly question: NameQuestion; readonly answer: Asked['answer'] }) {
  const [name, setName] = useState(question.value);
  const problem = name === '' ? undefined : question.problem(name);
  const usable = name !== '' && problem === undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (usable) answer(name);
      }}
    >
      <label class="labelled">
        {question.label}
        <input
          class="field"
          value={name}
          autofocus
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setName(event.currentTarget.value)}
          onFocus={(event) => selectStem(event.currentTarget)}
          aria-invalid={problem !== undefined}
        />
      </label>
      <p class="problem" role="alert">
        {problem}
      </p>
      <footer>
        <Button onClick={() => answer(undefined)}>Cancel</Button>
        <button type="submit" class="button primary" disabled={!usable}>
          {question.action}
        </button>
      </footer>
    </form>
  );
}

/** Selects a name up to its extension, which seldom changes. */
function selectStem(input: HTMLInputElement): void {
  const dot = input.value.lastIndexOf('.');
  input.setSelectionRange(0, dot > 0 ? dot : input.value.length);
}
