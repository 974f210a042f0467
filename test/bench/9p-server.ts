// The 9P server alone, with the memory backend in the same thread: requests and bytes per second.
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { rateTable } from './rate.ts';
import { print } from './report.ts';
import { measureServer } from './server-load.ts';

print(rateTable(await measureServer(new MemoryBackend({ now: () => 1_700_000_000_000_000_000n }))));
