// The worker thread of a WASI program in Node.js.
import { parentPort } from 'node:worker_threads';
import { runProgram } from '../wasi/program.ts';
import type { ToWasi } from '../wasi/wasi-protocol.ts';
import { openPort } from './open-port.ts';

const port = parentPort;
if (port === null) throw new Error('this module is the worker of a WASI program: runWasi starts it');

port.once('message', ({ setup }: ToWasi) => {
  void runProgram({ post: (message, transfer = []) => port.postMessage(message, [...transfer]), openPort }, setup);
});
