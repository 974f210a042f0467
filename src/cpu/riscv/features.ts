// What a hart offers or does without, as it is made. The RISC-V Instruction Set Manual, Volume II (20240411), §10.3.1, §10.5
// and §3.1.18.

export interface HartFeatures {
  /** Page tables of four levels, beside those of three. */
  readonly sv48: boolean;
  /** menvcfg.ADUE says whether accessed and dirty bits are set by hardware. */
  readonly svadu: boolean;
  /** An access that would have to set one of them is a page fault, unless ADUE says otherwise. */
  readonly svade: boolean;
}

/** Without Svadu and Svade hardware sets the bits, and software has not been told. */
export const defaultFeatures: HartFeatures = { sv48: true, svadu: false, svade: false };

/** menvcfg.ADUE, bit 61, in the high half. */
export const adUpdateEnable = 1 << 29;

/** The high half of menvcfg after a reset: with Svade, hardware sets the bits once it is told to. */
export function initialEnvironment({ svadu, svade }: HartFeatures): number {
  return svadu && !svade ? adUpdateEnable : 0;
}
