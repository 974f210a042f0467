// What guest/system.c measures, by the word that it takes.
import { compileForGuest } from './tools.ts';

export const systemCalls: Readonly<Record<string, string>> = {
  getppid: 'a call with little behind it',
  pipe: 'a byte to another process and one back, through pipes',
  fork: 'fork, exit and wait',
  exec: 'fork, exec of a program that does nothing, and wait',
  fault: 'first touch of an anonymous page',
  switch: 'switch to another process: sched_yield',
  mmap: 'mmap of 64 KiB, touch of one page, munmap',
};

export const kernelPaths: Readonly<Record<string, string>> = {
  trap: 'into the kernel and back: a system call that is none',
  signal: 'raise, handler and return',
  spaces: 'switch to another process that looks at 64 pages',
  tlb: 'look at one of 4,096 mapped pages after the other',
};

/** A shell's line that lets programs of a real-time class run as long as they want. */
export const unthrottle = 'echo -1 > /proc/sys/kernel/sched_rt_runtime_us';

/** The program, and the one that it executes. */
export function compileSystemCalls(folder: string): void {
  compileForGuest('system', folder);
  compileForGuest('nothing', folder, '-nostdlib');
}
