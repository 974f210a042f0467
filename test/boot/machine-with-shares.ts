// A machine with shares, as the tests of shares use it.
import { createVm, type ShareOptions, type Vm } from 'vm9';
import { onTestFinished } from 'vitest';

/** Started, and disposed of after the test. */
export async function startWith(...shares: readonly ShareOptions[]): Promise<Vm> {
  const vm = createVm({ shares });
  onTestFinished(() => vm.dispose());
  await vm.start();
  return vm;
}

/** What a command prints. Throws when it fails. */
export async function output(vm: Vm, command: string): Promise<string> {
  const { stdout, stderr, status } = await vm.exec(command).output();
  if (status !== 0) throw new Error(`${command}: status ${status}: ${Buffer.from(stderr).toString()}`);
  return Buffer.from(stdout).toString();
}
