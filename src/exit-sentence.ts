// How a machine stopped, in words.
import type { VmExit } from './worker-protocol.ts';

type ExitSentences = {
  readonly [Reason in VmExit['reason']]: (exit: Extract<VmExit, { readonly reason: Reason }>) => string;
};

const exitSentences: ExitSentences = {
  'power-off': () => 'the guest switched itself off',
  reboot: () => 'the guest restarted',
  panic: ({ lines }) => `the guest's kernel panicked:\n${lines.join('\n')}`,
  stuck: ({ registers }) => `the guest's processor is caught in a loop of traps:\n${registers}`,
  finisher: ({ code }) => `the guest ended the machine with failure code ${code}`,
  stopped: () => 'the machine was stopped',
};

/** A sentence about how a machine stopped; the lines or registers that go with it follow on lines of their own. */
export function describeExit(exit: VmExit): string {
  return (exitSentences[exit.reason] as (exit: VmExit) => string)(exit);
}
