// What a profiler has seen of the guest's code: plain data, on its way from the machine's thread.

/** An address of code. All are numbers: Sv48's are 48 bits with their sign. */
export interface CodePlace {
  readonly address: number;
  /** Of a program's code: the hash of what its page holds, so that its file is found whatever has become of the process. */
  readonly page?: number;
}

/** A stack, and how often it was met. */
export interface ProfileSample {
  readonly count: number;
  /** The name of the task, as in /proc/PID/comm; undefined where it is not known how this kernel keeps it. */
  readonly task: string | undefined;
  readonly user: boolean;
  /** The place of the next instruction, then the places behind the calls that led there, the innermost first. */
  readonly stack: readonly CodePlace[];
}
