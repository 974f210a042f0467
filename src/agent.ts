// The host's half of the agent protocol, version 2 (guest-images/agent/PROTOCOL.md).
import { Command, Program, type CommandStreams, type FrameSink, type TerminalSize } from './agent/command.ts';
import { Deferred } from './agent/deferred.ts';
import { AgentClosed, AgentError } from './agent/errors.ts';
import {
  guestFrameReader,
  HEADER_SIZE,
  HELLO_MAGIC,
  hostFrame,
  PROTOCOL_VERSION,
  ProtocolFault,
  STDIN_CHUNK,
  text,
  textOf,
  type GuestFrame,
  type HostFrame,
} from './agent/frames.ts';
import type { AgentPort } from './agent/port.ts';

export { AgentClosed, AgentError } from './agent/errors.ts';
export { exitStatus } from './agent/command.ts';
export type { Command, CommandStreams, Exit, Program, TerminalSize } from './agent/command.ts';
export type { AgentPort, AgentPortEvents } from './agent/port.ts';

/** The name of the agent's virtio-console port. */
export const AGENT_PORT_NAME = 'vm9.agent';

/** What the agent says of itself. */
export interface AgentHello {
  /** The protocol version that is spoken. */
  version: number;
  /** The agent's name and version, for people. */
  software: string;
}

/** A share to mount. */
export interface MountRequest {
  /** The virtio-9p device's tag. */
  tag: string;
  /** An absolute path; the folder and its parents are made. */
  path: string;
  /** As after `mount -o`: `msize=512000,cache=loose,ro`. Transport and version need not be named. */
  options?: string;
}

/** What every started program has. */
export interface ProgramOptions {
  /** Laid over the guest's own environment. */
  env?: Readonly<Record<string, string>>;
  /** An absolute path; without it root's home folder. */
  cwd?: string;
}

/** A terminal for a program. */
export interface Terminal extends TerminalSize {
  /** The terminal's type, TERM; `xterm-256color` without it. */
  term?: string;
}

/** A shell's command line, or a program with its arguments. */
export type CommandLine = { command: string; argv?: never } | { argv: readonly string[]; command?: never };

/** A command to run. */
export type ExecRequest = CommandLine &
  ProgramOptions &
  CommandStreams & {
    /** Runs the command on a pseudo-terminal of this size instead of pipes. */
    pty?: Terminal;
  };

/** What was agreed on a connection, and the last number that was given. */
export interface AgentLine {
  /** Undefined before the agent has said it. */
  hello: AgentHello | undefined;
  lastId: number;
  maxPayload: number;
  inputWindow: number;
  outputWindow: number;
}

/** What a connection is made of. */
export interface AgentParts {
  readonly line: AgentLine;
  readonly reader: { readonly partial: readonly Uint8Array[] };
  readonly unsent: readonly Uint8Array[];
  readonly requests: Map<number, Deferred<void>>;
  readonly programs: Map<number, Program>;
  readonly sink: FrameSink;
  readonly failure: AgentClosed | undefined;
  /** By way of this, so that no module is shared: a page would have to fetch each by itself. */
  readonly Command: typeof Command;
  readonly Program: typeof Program;
  readonly Deferred: typeof Deferred;
}

const STDIO = { pipes: 0, pty: 1, console: 2 } as const;
const POWER = { off: 0, reboot: 1 } as const;
const OUTPUT_WINDOW = 256 * 1024;
/** A window that the agent asks to fill is the host's memory: no agent of ours asks for more. */
const INPUT_WINDOW_LIMIT = 16 * 1024 * 1024;

/**
 * Speaks with the agent in the guest. Requests may be made at once: they wait until the agent has said hello.
 *
 * Whatever the guest sends, methods and promises end with a result or an error: a guest that breaks the protocol closes the
 * connection, and everything under way rejects with AgentClosed.
 */
export class Agent {
  readonly #port: AgentPort;
  readonly #line: AgentLine;
  readonly #reader = guestFrameReader();
  readonly #ready = new Deferred<AgentHello>();
  readonly #closed = new Deferred<AgentClosed>();
  readonly #requests = new Map<number, Deferred<void>>();
  readonly #programs = new Map<number, Program>();
  readonly #unsent: Uint8Array[] = [];
  #flushing = false;
  #failure: AgentClosed | undefined;

  /** @param options.outputWindow bytes of each output stream that may be under way or wait for its handler. */
  constructor(port: AgentPort, options: { outputWindow?: number } = {}) {
    this.#port = port;
    const { outputWindow = OUTPUT_WINDOW } = options;
    this.#line = { hello: undefined, lastId: 0, maxPayload: STDIN_CHUNK, inputWindow: 0, outputWindow };
    port.attach({
      data: (bytes) => this.#receive(bytes),
      writable: () => this.#writable(),
      closed: (reason) => this.#fail(reason, false),
    });
  }

  /** For agent-state.ts, which is fetched when a machine is saved or resumed. */
  get parts(): AgentParts {
    return {
      line: this.#line,
      reader: this.#reader,
      unsent: this.#unsent,
      requests: this.#requests,
      programs: this.#programs,
      sink: this.#sink,
      failure: this.#failure,
      Command,
      Program,
      Deferred,
    };
  }

  /** The last of what brings a connection back to how it was in a snapshot. */
  resume(hello: AgentHello, unsent: readonly Uint8Array[], partial: readonly Uint8Array[]): void {
    for (const bytes of unsent) this.#queue(bytes);
    for (const bytes of partial) this.#receive(bytes);
    this.#ready.resolve(hello);
  }

  /** Resolves when the agent has said hello; rejects with AgentClosed, as when it speaks no version that this host knows. */
  get ready(): Promise<AgentHello> {
    return this.#ready.promise;
  }

  /** Resolves, with the reason, when the connection is closed. */
  get closed(): Promise<AgentClosed> {
    return this.#closed.promise;
  }

  /** Mounts a share. @throws AgentError with Linux's error number and a sentence. */
  async mount({ tag, path, options = '' }: MountRequest): Promise<void> {
    const body = {
      tag: text(tag, 'the tag'),
      path: text(path, 'the mount path'),
      options: text(options, 'the mount options'),
    };
    await this.#request((id) => ({ name: 'Mount', id, body }));
  }

  /** Starts a command. Resolves when it runs. @throws AgentError when it could not be started. */
  async exec(request: ExecRequest): Promise<Command> {
    const argv = request.argv ?? ['/bin/sh', '-c', request.command];
    const first = argv[0];
    if (first === undefined || first === '') throw new TypeError('exec: the program has no name');
    const stdio = request.pty ? 'pty' : 'pipes';
    const { inputWindow } = await this.#greeted();
    const windows = { input: inputWindow, output: this.#line.outputWindow };
    return this.#start(new Command(this.#newId(), this.#sink, windows, request), stdio, argv, request, request.pty);
  }

  /** Starts the login shell on the guest's console (hvc0); its bytes travel on the console's own port. */
  async startShell(request: ProgramOptions & Terminal): Promise<Program> {
    await this.#greeted();
    return this.#start(new Program(this.#newId(), this.#sink), 'console', [], request, request);
  }

  /** Sets the guest's wall clock, in nanoseconds since 1970-01-01T00:00:00Z. */
  async setClock(nanoseconds: bigint): Promise<void> {
    await this.#request((id) => ({ name: 'SetClock', id, body: { nanoseconds } }));
  }

  /** Gives the guest's random generator 1 to 4,096 bytes of entropy, to be used at once. */
  async reseed(entropy: Uint8Array): Promise<void> {
    if (entropy.length < 1 || entropy.length > 4096) {
      throw new RangeError(`reseed: ${entropy.length} bytes; it takes 1 to 4096`);
    }
    await this.#request((id) => ({ name: 'Reseed', id, body: { entropy } }));
  }

  /** Makes every program in the guest but the agent stand still. Resolves when no more of them runs. */
  async freeze(): Promise<void> {
    await this.#request((id) => ({ name: 'Freeze', id, body: {} }));
  }

  /** Lets them go on. */
  async thaw(): Promise<void> {
    await this.#request((id) => ({ name: 'Thaw', id, body: {} }));
  }

  /** Asks the guest to end its programs, write its files back and switch off. Resolves when it has begun. */
  async powerOff(): Promise<void> {
    await this.#request((id) => ({ name: 'Power', id, body: { action: POWER.off } }));
  }

  /** As `powerOff`, and to start again. */
  async reboot(): Promise<void> {
    await this.#request((id) => ({ name: 'Power', id, body: { action: POWER.reboot } }));
  }

  /** Closes the connection. Everything under way rejects with AgentClosed. */
  close(reason = 'the host closed the connection'): void {
    this.#fail(reason, true);
  }

  async #request(frame: (id: number) => HostFrame): Promise<void> {
    await this.#greeted();
    const id = this.#newId();
    const bytes = this.#encode(frame(id));
    const answer = new Deferred<void>();
    this.#requests.set(id, answer);
    this.#queue(bytes);
    await answer.promise;
  }

  #start<P extends Program>(
    program: P,
    stdio: keyof typeof STDIO,
    argv: readonly string[],
    { env = {}, cwd = '' }: ProgramOptions,
    terminal?: Terminal,
  ): Promise<P> {
    const variables = { ...(terminal && { TERM: terminal.term ?? 'xterm-256color' }), ...env };
    const body = {
      stdio: STDIO[stdio],
      zero: 0,
      zero2: 0,
      rows: terminal?.rows ?? 0,
      cols: terminal?.cols ?? 0,
      cwd: text(cwd, 'the working directory'),
      argv: argv.map((argument) => text(argument, 'an argument')),
      env: Object.entries(variables).map(([name, value]) => text(`${name}=${value}`, 'an environment variable')),
    };
    const bytes = this.#encode({ name: 'Exec', id: program.id, body });
    this.#programs.set(program.id, program);
    this.#queue(bytes);
    return program.started;
  }

  /** Waits for the agent's hello. @throws AgentClosed when none can come any more. */
  async #greeted(): Promise<{ inputWindow: number }> {
    await this.#ready.promise;
    if (this.#failure) throw this.#failure;
    return { inputWindow: this.#line.inputWindow };
  }

  #newId(): number {
    const line = this.#line;
    do line.lastId = (line.lastId + 1) >>> 0;
    while (line.lastId === 0 || this.#requests.has(line.lastId) || this.#programs.has(line.lastId));
    return line.lastId;
  }

  readonly #sink: FrameSink = {
    send: (frame) => this.#send(frame),
    sendIfClear: (frame) => {
      if (this.#unsent.length > 0) return false;
      this.#send(frame);
      return true;
    },
  };

  #send(frame: HostFrame): void {
    // The handle of a program outlives the connection. Its promises have told that the connection is gone.
    if (!this.#failure) this.#queue(this.#encode(frame));
  }

  /** @throws RangeError for a frame that is too long for the agent. */
  #encode(frame: HostFrame): Uint8Array {
    const bytes = hostFrame(frame);
    const length = bytes.length - HEADER_SIZE;
    if (length > this.#line.maxPayload) {
      throw new RangeError(
        `${frame.name}: ${length} bytes are too many; the guest's agent takes ${this.#line.maxPayload}`,
      );
    }
    return bytes;
  }

  #queue(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    this.#flush();
  }

  #flush(): void {
    // A port may find room, and say so, while it is being written to.
    if (this.#flushing) return;
    this.#flushing = true;
    for (let head = this.#unsent[0]; head; head = this.#unsent[0]) {
      const taken = this.#port.write(head);
      if (taken < head.length) {
        this.#unsent[0] = head.subarray(taken);
        break;
      }
      this.#unsent.shift();
    }
    this.#flushing = false;
  }

  #writable(): void {
    this.#flush();
    if (this.#unsent.length === 0) for (const program of this.#programs.values()) program.topUp();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes, (frame) => this.#dispatch(frame));
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      this.#fail(`the guest's agent broke the protocol: ${error.message}`, true);
    }
  }

  #dispatch(frame: GuestFrame): void {
    // A handler of an earlier frame may have closed the connection.
    if (this.#failure) return;
    if (frame.name === 'Goodbye')
      return this.#fail(`the guest's agent said goodbye: ${textOf(frame.body.reason)}`, true);
    const isWelcome = this.#line.hello !== undefined;
    if ((frame.name === 'Hello') === isWelcome) {
      throw new ProtocolFault(isWelcome ? 'a second Hello' : `${frame.name} before Hello`);
    }
    if (frame.name === 'Hello') return this.#welcome(frame.body);
    const program = this.#programs.get(frame.id);
    if (program) {
      if (program.receive(frame)) this.#programs.delete(frame.id);
      return;
    }
    const request = this.#requests.get(frame.id);
    if (!request || frame.name !== 'Reply') throw new ProtocolFault(`${frame.name} for unknown id ${frame.id}`);
    this.#requests.delete(frame.id);
    const { errno } = frame.body;
    if (errno === 0) request.resolve();
    else request.reject(new AgentError(errno, textOf(frame.body.text)));
  }

  #welcome(hello: Extract<GuestFrame, { name: 'Hello' }>['body']): void {
    if (hello.magic !== HELLO_MAGIC) throw new ProtocolFault('Hello without its magic number');
    if (hello.oldest > PROTOCOL_VERSION || hello.newest < PROTOCOL_VERSION) {
      return this.#fail(
        `the guest's agent speaks the protocol's versions ${hello.oldest} to ${hello.newest}, this host speaks ` +
          `${PROTOCOL_VERSION}: use guest images of the same release`,
        true,
      );
    }
    const { maxPayload, inputWindow } = hello;
    if (maxPayload < STDIN_CHUNK) throw new ProtocolFault(`an agent that takes payloads of ${maxPayload} bytes only`);
    if (inputWindow < 1 || inputWindow > INPUT_WINDOW_LIMIT) {
      throw new ProtocolFault(`an input window of ${inputWindow} bytes`);
    }
    const greeting = { version: PROTOCOL_VERSION, software: textOf(hello.software) };
    Object.assign(this.#line, { hello: greeting, maxPayload, inputWindow });
    const welcome = { version: PROTOCOL_VERSION, zero: 0, outputWindow: this.#line.outputWindow };
    this.#send({ name: 'Welcome', id: 0, body: welcome });
    this.#ready.resolve(greeting);
  }

  #fail(reason: string, closePort: boolean): void {
    if (this.#failure) return;
    this.#failure = new AgentClosed(reason);
    this.#unsent.length = 0;
    if (closePort) this.#port.close();
    this.#ready.reject(this.#failure);
    for (const request of this.#requests.values()) request.reject(this.#failure);
    for (const program of this.#programs.values()) program.fail(this.#failure);
    this.#requests.clear();
    this.#programs.clear();
    this.#closed.resolve(this.#failure);
  }
}
