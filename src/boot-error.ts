/**
 * What was given to boot from can not be booted: a wrong or broken kernel or initramfs, too little memory, a command line
 * that is too long. The message, made for the person who gave it, says what is wrong and what to do.
 */
export class BootError extends Error {
  override readonly name = 'BootError';
}
