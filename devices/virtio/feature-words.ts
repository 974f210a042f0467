// VIRTIO 1.3, §2.2: feature bits as transports show them, 32 at a time.

/** 32 feature bits; word 0 holds bits 0 to 31. Words past the 64th bit are 0. */
export function featureWord(features: bigint, word: number): number {
  return word < 2 ? Number((features >> BigInt(word * 32)) & 0xffffffffn) : 0;
}

/** `features` with 32 of its bits replaced. */
export function withFeatureWord(features: bigint, word: number, value: number): bigint {
  // Words that do not exist keep their bits, so that a driver that accepts one of them is refused.
  if (word >= 2) return value === 0 ? features : features | (1n << 127n);
  const shift = BigInt(word * 32);
  return (features & ~(0xffffffffn << shift)) | (BigInt(value) << shift);
}
