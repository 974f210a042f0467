// A test hart whose programs run under Sv39 or Sv48, with a handler in M-mode that notes what trapped.
import { PageTables, pte, readExecute } from './page-tables.ts';
import type { Program } from './assembler.ts';
import { ramBase, TestHart } from './test-hart.ts';
import type { TestHartOptions } from './test-hart.ts';

const handler = ramBase + 0x800;
/** Where programs lie in RAM: two pages. */
export const codePlace = ramBase + 0x4000;
/** Where S-mode and U-mode see them. */
export const codeAddress = { supervisor: 0x1000_0000n, user: 0x1010_0000n } as const;

export interface TrapSeen {
  readonly cause: bigint;
  readonly epc: bigint;
  readonly tval: bigint;
}

export class PagedHart extends TestHart {
  tables: PageTables;
  readonly #levels: 3 | 4;

  constructor({ levels = 3, ...options }: TestHartOptions & { readonly levels?: 3 | 4 } = {}) {
    super(options);
    this.#levels = levels;
    this.tables = new PageTables(this, undefined, levels);
    this.reset();
  }

  override reset(): void {
    super.reset();
    this.tables = new PageTables(this, undefined, this.#levels);
    this.put('csrr a5, mcause\ncsrr a6, mepc\ncsrr a7, mtval\nstop', handler);
    for (const page of [0n, 0x1000n]) {
      this.tables.map(codeAddress.supervisor + page, codePlace + Number(page), readExecute);
      this.tables.map(codeAddress.user + page, codePlace + Number(page), readExecute | pte.u);
    }
    // PMP is open.
    this.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
    this.hart.mmu.pmp.setConfiguration(0, 0x1f);
    this.execute(
      `li t0, ${handler}\ncsrw mtvec, t0\nli t0, ${this.tables.satp}\ncsrw satp, t0\nli t0, 0x6000\ncsrw mstatus, t0\nstop`,
    );
  }

  /** Writes satp in M-mode. */
  enter(satp: bigint): void {
    this.execute(`li t0, ${satp}\ncsrw satp, t0\nstop`);
  }

  /** Sets mstatus.SUM and MXR, and what else is given. */
  status({ sum = false, mxr = false, other = 0n }: { sum?: boolean; mxr?: boolean; other?: bigint }): void {
    const bits = (sum ? 1n << 18n : 0n) | (mxr ? 1n << 19n : 0n) | other | 0x6000n;
    this.execute(`li t0, ${bits}\ncsrw mstatus, t0\nstop`);
  }

  /** Runs a program in S or U to its stop, and gives the trap that ended it, if one did. */
  attempt(text: string, mode: 'supervisor' | 'user' = 'supervisor'): TrapSeen | undefined {
    this.place(text, mode);
    return this.proceed();
  }

  /** Puts a program where S or U see it, and the pc at its start. */
  place(text: string, mode: 'supervisor' | 'user' = 'supervisor'): Program {
    const program = this.putAt(text, codeAddress[mode], codePlace);
    this.setX('a5', 0n);
    this.start(program.base, mode);
    return program;
  }

  /** Goes on to the next stop or trap. */
  proceed(): TrapSeen | undefined {
    this.runToStop();
    const cause = this.x('a5');
    return cause === 0n ? undefined : { cause, epc: this.x('a6'), tval: this.x('a7') };
  }
}
