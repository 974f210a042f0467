// Where the parts of a stream's image lie, in the manner of QEMU's virt board: what runs on the bare machine and what
// runs under Sv39 and Sv48, in both of their privilege modes. The RISC-V Instruction Set Manual, Volume II (20240411), §10.4.

export const ramBase = 0x8000_0000;
export const ramBytes = 0x200_0000;
export const testFinisher = 0x10_0000;
export const finisherPass = 0x5555;

const pageSize = 4096;

/** Physical addresses. QEMU keeps its device tree in the last 2 MiB of RAM. */
export const physical = {
  machineCode: ramBase,
  variables: 0x8000_4000,
  supervisorCode: 0x8000_5000,
  supervisorData: 0x8000_6000,
  tables: 0x8001_0000,
  scratch: 0x8020_0000,
  bareCode: 0x8040_0000,
  pagedCode: 0x8060_0000,
  blocks: 0x8080_0000,
  log: 0x8100_0000,
  logEnd: 0x81d0_0000,
} as const;

/** Bytes of the scratch region that streams look at. */
export const scratchBytes = 4 * pageSize;

/** Pages of the tables, from `physical.tables` on. */
const table = {
  root: 0,
  middle: 1,
  userCode: 2,
  supervisorCode: 3,
  userAlias: 4,
  supervisorAlias: 5,
  data: 6,
  system: 7,
  pristineData: 8,
  pristineMiddle: 9,
  top: 10,
} as const;
type Table = keyof typeof table;

export function tableAddress(name: Table): number {
  return physical.tables + table[name] * pageSize;
}

/** Entries of the data table and of the middle table that streams change. */
export const changingEntries = { data: 64, middle: 16 } as const;

/** Virtual addresses are the same in the lower half and, 2^39 - 2^30 further down from the top, in the upper one. */
export const upperHalf = 0xffff_ffff_c000_0000n;
const region = 0x20_0000n;
export const virtual = {
  userCode: 1n * region,
  supervisorCode: 2n * region,
  /** The same code pages to write to, this far above their place to execute. */
  aliasDistance: 2n * region,
  data: 5n * region,
  userSuperpage: 6n * region,
  supervisorSuperpage: 7n * region,
  misalignedSuperpage: 8n * region,
  system: 9n * region,
  badPointer: 10n * region,
  absentTable: 11n * region,
  /** A gigapage onto all of RAM. */
  gigapage: 0x8000_0000n,
} as const;

/** Pages behind `virtual.system`. */
const systemPages = { supervisorCode: 0, supervisorData: 1, dataTable: 3, middleTable: 4 } as const;
export const systemAddress = (name: keyof typeof systemPages): bigint =>
  upperHalf + virtual.system + BigInt(systemPages[name] * pageSize);

const v = 1n;
const r = 2n;
const w = 4n;
const x = 8n;
const u = 16n;
const a = 64n;
const d = 128n;

function leaf(address: number, flags: bigint): bigint {
  return (BigInt(address / pageSize) << 10n) | v | flags;
}

/** What a data page may be: pages that work, and each way in which one does not. Without U; scratch page by turn. */
const dataPages: readonly ((address: number) => bigint)[] = [
  (address) => leaf(address, r | w | a | d),
  (address) => leaf(address, r | w),
  (address) => leaf(address, r | a),
  (address) => leaf(address, r | w | a),
  (address) => leaf(address, x | a | d),
  (address) => leaf(address, r | w | a | d),
  () => 0n,
  (address) => leaf(address, r | w | a | d),
  (address) => leaf(address, w | a | d),
  (address) => leaf(address, r | w | a | d),
  (address) => leaf(address, r | w | a | d | (1n << 54n)),
  (address) => leaf(address, r | w | d),
  (address) => leaf(address, r | w | a | d | (1n << 63n)),
  (address) => leaf(address, r | w | a | d),
  () => leaf(0x6000_0000, r | w | a | d),
  (address) => leaf(address, r | w | a | d | (3n << 8n)),
];
export const dataPageCount = dataPages.length;

/** Entry 0 on are the user's data pages; the supervisor's are these many entries further up. */
export const supervisorDataEntry = 32;

/** The physical page of each page of paged code: neighbours are no neighbours there. */
export function pagedCodePlace(offset: number): number {
  const page = Math.floor(offset / pageSize);
  return physical.pagedCode + ((page * 37 + 11) % 512) * pageSize + (offset % pageSize);
}

/** A middle-table entry by the virtual region that it serves. */
const middleIndex = (address: bigint): number => Number((address / region) % 512n);

/** Writes the page tables into RAM; `accessed`: with the accessed and dirty bits of all code set. */
export function writeTables(put: (address: number, value: bigint) => void, accessed = false): void {
  const ofCode = accessed ? a | d : 0n;
  const entry = (of: Table, index: number, value: bigint): void => put(tableAddress(of) + index * 8, value);
  const pointer = (to: Table): bigint => leaf(tableAddress(to), 0n);
  const middle = (address: bigint, value: bigint): void => {
    entry('middle', middleIndex(address), value);
    entry('pristineMiddle', middleIndex(address), value);
  };
  // Sv48 sees the same, one level further down.
  entry('top', 0, pointer('root'));
  entry('top', 511, pointer('root'));
  entry('root', 0, pointer('middle'));
  entry('root', 511, pointer('middle'));
  entry('root', 2, leaf(ramBase, r | w | a));
  middle(virtual.userCode, pointer('userCode'));
  middle(virtual.supervisorCode, pointer('supervisorCode'));
  middle(virtual.userCode + virtual.aliasDistance, pointer('userAlias'));
  middle(virtual.supervisorCode + virtual.aliasDistance, pointer('supervisorAlias'));
  middle(virtual.data, pointer('data'));
  middle(virtual.userSuperpage, leaf(physical.scratch, r | w | u));
  middle(virtual.supervisorSuperpage, leaf(physical.scratch, r | w));
  middle(virtual.misalignedSuperpage, leaf(physical.scratch + pageSize, r | w | u | a | d));
  middle(virtual.system, pointer('system'));
  middle(virtual.badPointer, pointer('data') | a);
  middle(virtual.absentTable, leaf(0x6000_0000, 0n));
  for (let page = 0; page < 512; page += 1) {
    const place = pagedCodePlace(page * pageSize);
    entry('userCode', page, leaf(place, r | x | u | ofCode));
    entry('supervisorCode', page, leaf(place, r | x | ofCode));
    entry('userAlias', page, leaf(place, r | w | u | ofCode));
    entry('supervisorAlias', page, leaf(place, r | w | ofCode));
  }
  for (const [index, make] of dataPages.entries()) {
    // Neighbours are no neighbours in physical memory.
    const value = make(physical.scratch + ((index * 3) % 4) * pageSize);
    for (const of of ['data', 'pristineData'] as const) {
      entry(of, index, value === 0n ? 0n : value | u);
      entry(of, supervisorDataEntry + index, value);
    }
  }
  entry('system', systemPages.supervisorCode, leaf(physical.supervisorCode, r | x | a));
  entry('system', systemPages.supervisorData, leaf(physical.supervisorData, r | w | a | d));
  entry('system', systemPages.supervisorData + 1, leaf(physical.supervisorData + pageSize, r | w | a | d));
  entry('system', systemPages.dataTable, leaf(tableAddress('data'), r | w | a | d));
  entry('system', systemPages.middleTable, leaf(tableAddress('middle'), r | w | a | d));
}

export const asid = 0xa5c3n;
export const satpSv48 = (9n << 60n) | (asid << 44n) | BigInt(tableAddress('top') / pageSize);
export const satpSv39 = (8n << 60n) | (asid << 44n) | BigInt(tableAddress('root') / pageSize);
