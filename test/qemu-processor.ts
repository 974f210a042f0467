/** QEMU's rv64 less the extensions that it has by default and our hart does not: for `-cpu`. */
export const qemuProcessor = 'rv64,h=false,zbc=false';
