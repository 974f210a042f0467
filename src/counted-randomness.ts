/**
 * Bytes that are the same in every run, for a machine whose runs must be repeatable: no secret is safe in such a guest.
 * SplitMix64 (Steele, Lea and Flood, 2014) from a fixed seed.
 */
export class CountedRandomness {
  /** How far it has come: a snapshot goes on from there. */
  state = 0n;

  fill(bytes: Uint8Array<ArrayBuffer>): void {
    for (let start = 0; start < bytes.length; start += 8) {
      this.state = BigInt.asUintN(64, this.state + 0x9e37_79b9_7f4a_7c15n);
      let value = this.state;
      value = BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
      value = BigInt.asUintN(64, (value ^ (value >> 27n)) * 0x94d0_49bb_1331_11ebn);
      value ^= value >> 31n;
      for (let index = start; index < Math.min(start + 8, bytes.length); index += 1) {
        bytes[index] = Number(value & 0xffn);
        value >>= 8n;
      }
    }
  }
}
