import './styles/page.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { Page } from './page.ts';
import { pageOptions, type PageOptions } from './page-options.ts';

const root = document.querySelector('#page');
if (root === null) throw new Error('index.html has no element #page');

const options = optionsOf(location.search);
if (options instanceof Error) {
  render(<BadAddress error={options} />, root);
} else {
  const page = new Page(options, globalThis.startAhead);
  // It holds a whole machine.
  globalThis.startAhead = undefined;
  render(<App page={page} />, root);
  void page.start();
}

function optionsOf(search: string): PageOptions | Error {
  try {
    return pageOptions(search);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Instead of a machine other than the one that was asked for. */
function BadAddress({ error }: { readonly error: Error }) {
  return (
    <main class="plain-message">
      <h1>The page cannot be opened like this</h1>
      <p role="alert">{error.message}.</p>
      <p>
        <a href={location.pathname}>Open it without options</a>
      </p>
    </main>
  );
}
