// Message ports of Node.js as the shared code uses them.
import type { MessagePort } from 'node:worker_threads';
import type { PortEnd, TransferablePort } from '../port.ts';

/** Opens a port in this thread. It keeps the thread alive until it is closed, unless it is told not to. */
export function openPort(port: TransferablePort, onMessage: (message: never) => void): PortEnd {
  const own = port as MessagePort;
  own.on('message', (message: unknown) => onMessage(message as never));
  return {
    post: (message, transfer = []) => own.postMessage(message, transfer),
    close: () => own.close(),
  };
}
