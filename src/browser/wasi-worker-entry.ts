// The dedicated worker of a WASI program in browsers.
import { runProgram } from '../wasi/program.ts';
import type { ToWasi } from '../wasi/wasi-protocol.ts';
import { openPort } from './open-port.ts';

// @wasmer/wasi unpacks its own module with Node.js's Buffer.from(text, 'base64'), and needs no more of it.
Object.assign(globalThis, {
  Buffer: { from: (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) },
});

addEventListener(
  'message',
  ({ data: { setup } }: MessageEvent<ToWasi>) => {
    void runProgram({ post: (message, transfer = []) => postMessage(message, [...transfer]), openPort }, setup);
  },
  { once: true },
);
