// Message ports of browsers as the shared code uses them.
import type { PortEnd, TransferablePort } from '../port.ts';

/** Opens a port in this thread. */
export function openPort(port: TransferablePort, onMessage: (message: never) => void): PortEnd {
  const own = port as MessagePort;
  own.addEventListener('message', ({ data }: MessageEvent<unknown>) => onMessage(data as never));
  own.start();
  return {
    post: (message, transfer = []) => own.postMessage(message, [...transfer]),
    close: () => own.close(),
  };
}
