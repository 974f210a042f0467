import type { CodePlace, ProfileSample } from '../../profile-samples.ts';
import { pageBytes } from './page-hash.ts';

/** What tells stacks apart: the same for one place in one file, wherever it is mapped. */
export function stackKey({ task, user, stack }: Omit<ProfileSample, 'count'>): string {
  return [task, user, ...stack.map(placeKey)].join();
}

function placeKey({ address, page }: CodePlace): string {
  return page === undefined ? `${address}` : `${page}+${address % pageBytes}`;
}
