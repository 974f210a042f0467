// What a machine's thread is told to make, for tests that make none or a small one.
import { defaultFeatures } from '../../src/cpu/riscv/features.ts';
import type { MachineSetup } from '../../src/worker-protocol.ts';

export const smallMachine: MachineSetup = {
  memoryBytes: 16 << 20,
  sharedMemory: true,
  clock: 'host',
  cpu: 'translator',
  features: defaultFeatures,
  jitCacheBytes: undefined,
  transport: 'mmio',
  commandLine: '',
  noReboot: false,
  trace: [],
};
