import type { MachineEvent } from 'vm9';
import { expect, test } from 'vitest';
import { RequestTracker, type P9Event } from '../../web/inspector/requests.ts';

const name = (text: string): Uint8Array => new TextEncoder().encode(text);
const qid = { type: 0, version: 1, path: 7n };

function message(type: string, request: P9Event['request'], reply: P9Event['reply'], head = 0): MachineEvent {
  const error = reply === undefined ? 'ENOENT' : undefined;
  return {
    type: '9p',
    share: 'host',
    event: { tag: 1, type, request, reply, error, size: 20, replySize: 30, latency: 0.1, head },
  };
}

function virtio(event: Extract<MachineEvent, { type: 'virtio' }>['event']): MachineEvent {
  return { type: 'virtio', event };
}

const device = 'virtio-9p host';
const pop = (head: number, slot: number): MachineEvent =>
  virtio({ type: 'pop', device, queue: 0, slot, size: 256, head, descriptors: [] });
const push = (head: number, slot: number, length: number): MachineEvent =>
  virtio({ type: 'push', device, queue: 0, slot, head, length });

/** The path of each message, of a connection that begins with an attach of fid 1. */
function paths(...events: MachineEvent[]): (string | undefined)[] {
  const tracker = new RequestTracker();
  tracker.take(message('Tattach', { fid: 1 }, { qid }), 0);
  return events.map((event) => tracker.take(event, 0)?.path);
}

const walk = (fid: number, newfid: number, ...names: string[]): MachineEvent =>
  message('Twalk', { fid, newfid, names: names.map(name) }, { qids: names.map(() => qid) });

test('a walk names the new fid, and a clunk forgets it', () => {
  expect(
    paths(
      walk(1, 2, 'a', 'b.txt'),
      message('Tread', { fid: 2, offset: 0, count: 10 }, { count: 10 }),
      message('Tclunk', { fid: 2 }, {}),
      message('Tgetattr', { fid: 2 }, undefined),
    ),
  ).toEqual(['/a/b.txt', '/a/b.txt', '/a/b.txt', '(fid 2)']);
});

test('walk(5): a walk that stopped half-way makes no fid', () => {
  expect(
    paths(
      message('Twalk', { fid: 1, newfid: 2, names: [name('a'), name('missing')] }, { qids: [qid] }),
      message('Tgetattr', { fid: 2 }, undefined),
    ),
  ).toEqual(['/a/missing', '(fid 2)']);
});

test('.. leads up, and not above the root', () => {
  expect(paths(walk(1, 2, 'a', 'b'), walk(2, 3, '..'), walk(3, 4, '..', '..', 'c'))).toEqual(['/a/b', '/a', '/c']);
});

test('Tlcreate turns the fid of the folder into that of the file', () => {
  expect(
    paths(
      walk(1, 2, 'folder'),
      message('Tlcreate', { fid: 2, name: name('new'), flags: 1, mode: 0o644, gid: 0 }, { qid, iounit: 0 }),
      message('Twrite', { fid: 2, offset: 0, count: 3 }, { count: 3 }),
    ),
  ).toEqual(['/folder', '/folder/new', '/folder/new']);
});

test('a rename moves every fid at or under the renamed path, and no other', () => {
  expect(
    paths(
      walk(1, 2, 'old', 'file'),
      walk(1, 3, 'older'),
      message('Trenameat', { olddirfid: 1, oldname: name('old'), newdirfid: 1, newname: name('new') }, {}),
      message('Tgetattr', { fid: 2 }, {}),
      message('Tgetattr', { fid: 3 }, {}),
    ),
  ).toEqual(['/old/file', '/older', '/old → /new', '/new/file', '/older']);
});

test('a rename that failed moves nothing', () => {
  expect(
    paths(
      walk(1, 2, 'old'),
      message('Trename', { fid: 2, dfid: 1, name: name('new') }, undefined),
      message('Tgetattr', { fid: 2 }, {}),
    ),
  ).toEqual(['/old', '/old → /new', '/old']);
});

test('names that are no UTF-8, or hold control characters, can be looked at', () => {
  expect(
    paths(message('Tmkdir', { dfid: 1, name: new Uint8Array([0x61, 0xff, 0x0a]), mode: 0, gid: 0 }, { qid })),
  ).toEqual(['/a\ufffd\u240a']);
});

test('after a gap only the fids of attaches are known', () => {
  const tracker = new RequestTracker();
  tracker.take(message('Tattach', { fid: 1 }, { qid }), 0);
  tracker.take(walk(1, 2, 'a'), 0);
  tracker.interrupt();
  expect(tracker.take(message('Tgetattr', { fid: 2 }, {}), 0)?.path).toBe('(fid 2)');
  expect(tracker.take(walk(1, 3, 'b'), 0)?.path).toBe('/b');
});

test('a request is joined with its chain by the head, also when replies come out of order', () => {
  const tracker = new RequestTracker();
  tracker.take(virtio({ type: 'notify', device, queue: 0 }), 0);
  tracker.take(pop(4, 10), 0);
  tracker.take(pop(9, 11), 0);
  const second = tracker.take(message('Tgetattr', { fid: 1 }, {}, 9), 5);
  tracker.take(push(9, 10, 160), 5);
  const first = tracker.take(message('Tread', { fid: 1, offset: 0, count: 1 }, { count: 1 }, 4), 6);
  tracker.take(push(4, 11, 12), 6);
  expect(first?.chain).toMatchObject({ slot: 10, head: 4, notified: true, used: { slot: 11, length: 12 } });
  expect(second?.chain).toMatchObject({ slot: 11, head: 9, notified: false, used: { slot: 10, length: 160 } });
  expect(first?.chain?.interrupted).toBe(false);
  tracker.take(virtio({ type: 'interrupt', device, queue: 0 }), 7);
  expect([first?.chain?.interrupted, second?.chain?.interrupted]).toEqual([true, true]);
});
