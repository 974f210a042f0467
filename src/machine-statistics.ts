// What a machine has done, over all lives of its guest: a restart makes hart and loop anew.
import type { Hart } from './cpu/riscv/hart.ts';
import type { RunLoop } from './run-loop.ts';
import type { MachineServer } from './worker-machine.ts';
import type { MachineStatistics, ShareTraffic } from './worker-protocol.ts';

export class LivesStatistics {
  /** Of the lives before the present one. */
  #retired = 0;
  #tlbMisses = 0;
  #busy = 0;
  #idle = 0;

  /** The guest restarts. */
  lifeEnded(hart: Hart, loop: RunLoop): void {
    this.#retired += hart.retired();
    this.#tlbMisses += hart.mmu.walks;
    this.#busy += loop.busy;
    this.#idle += loop.idle;
  }

  /** With those of the present life. */
  present(
    hart: Hart | undefined,
    loop: RunLoop | undefined,
    servers: readonly { readonly tag: string; readonly server: MachineServer }[],
  ): MachineStatistics {
    const instructions = this.#retired + (hart?.retired() ?? 0);
    const busySeconds = (this.#busy + (loop?.busy ?? 0)) / 1000;
    const idleSeconds = (this.#idle + (loop?.idle ?? 0)) / 1000;
    const shares = Object.fromEntries(
      servers.map(({ tag, server }) => {
        const { requests, bytesIn, bytesOut } = server.statistics;
        return [tag, { requests, bytesIn, bytesOut }];
      }),
    );
    const sum = (of: (traffic: ShareTraffic) => number): number =>
      Object.values(shares).reduce((total, traffic) => total + of(traffic), 0);
    const translator = hart?.translator;
    return {
      instructions,
      busySeconds,
      idleSeconds,
      mips: busySeconds === 0 ? 0 : instructions / busySeconds / 1e6,
      tlbMisses: this.#tlbMisses + (hart?.mmu.walks ?? 0),
      ...(translator !== undefined && { translator: translator.statistics }),
      p9: {
        requests: sum(({ requests }) => requests),
        bytesIn: sum(({ bytesIn }) => bytesIn),
        bytesOut: sum(({ bytesOut }) => bytesOut),
      },
      shares,
    };
  }
}
