// The host's end of an agent's line as plain data, for a snapshot: the guest's end is in the guest's RAM.
import type { Agent, AgentHello, AgentLine } from '../agent.ts';
import type { Command, CommandStreams, Program } from './command.ts';
import type { OutputStream } from './output.ts';

export interface OutputState {
  readonly outstanding: number;
  /** Received, and not taken by the handler. */
  readonly waiting: readonly Uint8Array[];
  readonly refused: boolean;
}

interface StreamsState {
  readonly stdin: {
    readonly credit: number;
    /** Written, and the window had no room for it. */
    readonly waiting: readonly Uint8Array[];
    readonly ended: boolean;
    readonly closed: boolean;
  };
  readonly stdout: OutputState;
  readonly stderr: OutputState;
}

interface ProgramState {
  readonly id: number;
  /** 0: it has not started. */
  readonly pid: number;
  /** Absent for one on the console. */
  readonly streams?: StreamsState;
}

export interface AgentState extends Readonly<AgentLine> {
  readonly hello: AgentHello;
  /** The beginning of a frame whose rest is still to come. */
  readonly partial: readonly Uint8Array[];
  /** What the port had no room for. */
  readonly unsent: readonly Uint8Array[];
  /** Requests whose answers are still to come. */
  readonly requests: readonly number[];
  readonly programs: readonly ProgramState[];
}

/** What ran in the guest when a snapshot was taken. */
export interface ResumedPrograms {
  readonly commands: readonly Command[];
  /** The program on the console. */
  readonly shell: Program | undefined;
}

/** What the connection needs to go on; undefined before the agent has said hello, and after the end. */
export function saveAgent(agent: Agent): AgentState | undefined {
  const { line, reader, unsent, requests, programs, failure, Command } = agent.parts;
  const { hello } = line;
  if (hello === undefined || failure !== undefined) return undefined;
  return {
    ...line,
    hello,
    partial: [...reader.partial],
    unsent: [...unsent],
    requests: [...requests.keys()],
    programs: [...programs.values()].map((program) => ({
      id: program.id,
      pid: program.pid,
      ...(program instanceof Command && { streams: saveStreams(program) }),
    })),
  };
}

/**
 * Lets a connection that nothing has come through go on as it was. `streamsOf` is asked what becomes of the output of each command
 * that was running. Who had asked something then is gone, and hears no answer.
 */
export function resumeAgent(
  agent: Agent,
  { partial, unsent, requests, programs, ...line }: AgentState,
  streamsOf: (id: number) => CommandStreams,
): ResumedPrograms {
  const { parts } = agent;
  Object.assign(parts.line, line);
  for (const id of requests) parts.requests.set(id, new parts.Deferred());
  const windows = { input: line.inputWindow, output: line.outputWindow };
  const commands: Command[] = [];
  let shell: Program | undefined;
  const adopt = <P extends Program>(program: P, pid: number): P => {
    if (pid !== 0) program.receive({ name: 'Started', id: program.id, body: { pid } });
    parts.programs.set(program.id, program);
    return program;
  };
  for (const { id, pid, streams } of programs) {
    if (streams === undefined) {
      shell = adopt(new parts.Program(id, parts.sink), pid);
    } else {
      const command = adopt(new parts.Command(id, parts.sink, windows, streamsOf(id)), pid);
      resumeStreams(command, streams, windows.input);
      commands.push(command);
    }
  }
  agent.resume(line.hello, unsent, partial);
  return { commands, shell };
}

function saveStreams({ streams }: Command): StreamsState {
  const { credit, waiting, ended, closed } = streams.stdin.present;
  return {
    stdin: { credit, waiting: waiting.map(({ bytes }) => bytes), ended, closed },
    stdout: saveOutput(streams.stdout),
    stderr: saveOutput(streams.stderr),
  };
}

function saveOutput({ present }: OutputStream): OutputState {
  const { outstanding, waiting, refused } = present;
  return { outstanding, waiting: waiting.map(({ bytes, filled }) => bytes.slice(0, filled)), refused };
}

function resumeStreams({ streams }: Command, saved: StreamsState, window: number): void {
  const { credit, waiting, ended, closed } = saved.stdin;
  const { stdin } = streams;
  stdin.credit(credit - window);
  for (const bytes of waiting) void stdin.write(bytes);
  if (closed) stdin.close();
  else if (ended) stdin.end();
  for (const name of ['stdout', 'stderr'] as const) {
    const { outstanding, waiting: received, refused } = saved[name];
    const stream = streams[name];
    stream.resume(outstanding - received.reduce((sum, { length }) => sum + length, 0), refused);
    for (const bytes of received) if (bytes.length > 0) stream.receive(bytes);
  }
}
