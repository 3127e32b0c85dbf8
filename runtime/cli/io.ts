/** The outside of the command: everything that `main.ts` takes from the process. */
export interface Io {
  /** Folder that relative paths refer to. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  readonly out: (text: string) => void;
  /** Progress, warnings and errors. */
  readonly err: (text: string) => void;
  /** True when a person watches: progress is shown. */
  readonly terminal: boolean;
  /** Node.js executable, for programs that are started with the same one. */
  readonly node: string;
  /** Calls back at every SIGINT, SIGTERM and SIGHUP until the returned function is called. */
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** Prints a line of the result. */
export function say(io: Io, line = ''): void {
  io.out(`${line}\n`);
}

/** Prints a line beside the result. */
export function note(io: Io, line: string): void {
  io.err(`${line}\n`);
}

/** Prints a value as JSON. */
export function sayJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Prints a line of progress when a person watches. */
export function progress(io: Io, line: string): void {
  if (io.terminal) note(io, line);
}
