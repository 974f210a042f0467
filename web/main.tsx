import './styles/page.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { Page } from './page.ts';

const root = document.querySelector('#page');
if (root === null) throw new Error('index.html has no element #page');

const page = new Page(location.search);
render(<App page={page} />, root);
void page.start();
