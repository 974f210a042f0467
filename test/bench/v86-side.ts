// One of the two servers that v86.ts compares, in a process of its own: what the other one does to V8's knowledge of the code
// that both go through, or to the heap, is of no concern here. Measures what it is told to, when it is told to.
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { Server } from '../../devices/9p/server.ts';
import { sampleLater } from './rate.ts';
import { prepareLoad } from './server-load.ts';
import { nobody, roundsOf, withoutDevice, writeAtOnce } from './side.ts';
import { loadV86 } from './v86-device.ts';

/** What is told at first. */
export interface Introduction {
  readonly operations: readonly { readonly name: string; readonly unit: string | undefined }[];
  /** What became of many writers at once. */
  readonly writing: string;
}

/** The number of an operation, or -1 for the driver alone with the first of them. Answered with a rate. */
export type Order = number;

const [folder] = process.argv.slice(2);
const makeSide =
  folder === undefined
    ? () => withoutDevice(new Server({ backend: new MemoryBackend({ now: () => 1_700_000_000_000_000_000n }) }))
    : await loadV86(folder).then((device) => () => device);
const writing = await writeAtOnce(makeSide());
const side = makeSide();
const operations = await prepareLoad(async (exchange) => {
  await side.send(exchange);
  return side.length;
});
const rounds = operations.map((operation) => roundsOf(side, operation));
const driver = roundsOf(nobody(), operations[0]!);

process.on('message', (order: Order) => {
  const worth = operations[order]?.worth ?? 1;
  void sampleLater(rounds[order] ?? driver).then((rate) => process.send!(rate * worth));
});
process.send!({ operations: operations.map(({ name, unit }) => ({ name, unit })), writing } satisfies Introduction);
