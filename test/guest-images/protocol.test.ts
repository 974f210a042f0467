// guest-images/agent/PROTOCOL.md defines the frames; the host's tables and the agent's header follow it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GUEST_PAYLOAD_LIMIT, guestFrames, HELLO_MAGIC, hostFrames, PROTOCOL_VERSION } from '../../src/agent/frames.ts';

const folder = new URL('../../guest-images/agent/', import.meta.url);
const protocol = readFileSync(new URL('PROTOCOL.md', folder), 'utf8');
const header = readFileSync(new URL('frame.h', folder), 'utf8');

/** Rows of the tables of frames: type, name. */
const documented = [...protocol.matchAll(/^\| (0x[0-9a-f]{2}) \| (\w+) /gm)].map(([, type, name]) => [Number(type), name]);
const hosts = Object.entries({ ...guestFrames, ...hostFrames }).map(([name, { type }]) => [type, name]);

test('the host knows the documented frames', () => {
  expect(hosts).toEqual(documented);
});

test('the agent knows the documented frames', () => {
  const agents = [...header.matchAll(/^\t([A-Z_]+) = (0x[0-9a-f]{2}),/gm)].map(([, name, type]) => [
    Number(type),
    name!.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  ]);
  expect(agents).toEqual(documented);
});

test('the numbers are the same on both sides', () => {
  const defined = (name: string) => Number(new RegExp(`#define ${name} (\\w+?)u?\\b`).exec(header)![1]);
  expect(defined('PROTOCOL_VERSION')).toBe(PROTOCOL_VERSION);
  expect(defined('HELLO_MAGIC')).toBe(HELLO_MAGIC);
  expect(defined('FRAME_SIZE') - defined('HEADER_SIZE')).toBe(GUEST_PAYLOAD_LIMIT);
  expect(protocol).toContain(`${defined('MAX_PAYLOAD').toLocaleString('en-US')} in this version`);
});
