/** What to run. Never through a shell. */
export interface ProcessSpec {
  /** Executable: an absolute path, or a name that is looked up on PATH. */
  command: string;
  args: readonly string[];
  cwd?: string;
  /** The whole environment of the child; `childEnvironment()` of config.ts when absent. */
  env?: Record<string, string>;
  /** File that standard error (and standard output, unless `onLine` takes it) is appended to. */
  logFile: string;
  /** Takes standard output line by line; lines over 1 MiB are cut. */
  onLine?: (line: string) => void;
  /** `lifeline`: stdin is a pipe that stays open while we live, so that the child can end when we do; `send` writes to it. Default `ignore`. */
  stdin?: 'lifeline' | 'ignore';
  /** How long SIGTERM is given before SIGKILL goes to the whole group, in ms. Default 5,000. */
  graceMs?: number;
}

export interface ProcessExit {
  code: number | null;
  signal: string | null;
  /** Last lines of the log, for a message; at most 4 KB. */
  tail: string;
}

/** A child in a process group of its own. */
export interface Supervised {
  readonly pid: number;
  /** Resolves when the child has exited and its output is drained; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** SIGTERM to the group, then SIGKILL after the grace; resolves when nothing of the group is left. Idempotent. */
  stop(): Promise<ProcessExit>;
}

/** A process that we started. */
export interface StartedProcess extends Supervised {
  /** Writes a line to its standard input, where that is a `lifeline`; a child that has ended takes nothing. */
  send(line: string): void;
}
