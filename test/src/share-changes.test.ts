import { expect, test } from 'vitest';
import { ChangeFeed, type ShareChange } from '../../src/share-changes.ts';

function make() {
  const posts: (readonly ShareChange[])[] = [];
  return { posts, feed: new ChangeFeed((changes) => posts.push(changes)) };
}

test('the first change goes out at once, those that follow when it was heard, and then the next at once again', () => {
  const { posts, feed } = make();
  feed.add({ type: 'created', path: '/a' });
  feed.add({ type: 'changed', path: '/a' });
  feed.add({ type: 'removed', path: '/a' });
  expect(posts.splice(0)).toEqual([[{ type: 'created', path: '/a' }]]);
  feed.heard();
  expect(posts.splice(0).flat()).toEqual([
    { type: 'changed', path: '/a' },
    { type: 'removed', path: '/a' },
  ]);
  feed.heard();
  expect(posts).toEqual([]);
  feed.add({ type: 'created', path: '/b' });
  expect(posts).toEqual([[{ type: 'created', path: '/b' }]]);
});

test('a file that is written to again and again is told once, and anew after it was renamed or made again', () => {
  const { posts, feed } = make();
  feed.add({ type: 'created', path: '/first' });
  for (let write = 0; write < 1000; write++) feed.add({ type: 'changed', path: '/a' });
  feed.add({ type: 'renamed', path: '/b', from: '/a' });
  for (let write = 0; write < 1000; write++) feed.add({ type: 'changed', path: '/b' });
  feed.add({ type: 'removed', path: '/b' });
  feed.add({ type: 'created', path: '/b' });
  feed.heard();
  const told = posts[1]?.map(({ type, path }) => `${type} ${path}`);
  expect(told).toEqual(['changed /a', 'renamed /b', 'changed /b', 'removed /b', 'created /b']);
});

test('more than can be kept is told as a change of everything', () => {
  const { posts, feed } = make();
  for (let file = 0; file < 20_000; file++) feed.add({ type: 'created', path: `/${file}` });
  feed.heard();
  expect(posts[1]).toEqual([{ type: 'changed', path: '/' }]);
});
