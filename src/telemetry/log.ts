import { type DestinationStream, type Logger, pino } from 'pino';

/** How much of what is written waits for a reader that has stopped reading, in bytes; what comes then is dropped. */
const mostWaiting = 16 * 2 ** 20;
/** Lines go out together: so many bytes, or what came in so many ms. A call for each would be a twentieth of a chat's time. */
const together = { minLength: 4096, periodicFlush: 200 } as const;

// Nothing that we write should have a key in it; this is the second net. Redaction by path costs 8 µs a line, this 0.3 µs.
const keys = /\b(?:rk_[A-Za-z0-9]+_|sk-|Bearer\s+)[\w.~+/-]{8,}=*/g;

export interface LogOptions {
  level: string;
  /** The process that writes. */
  name: string;
  /** Standard output unless given. */
  to?: DestinationStream;
}

/**
 * The log of a process: one JSON object a line. Lines are written beside the event loop, so that a reader that has stopped
 * reading cannot hold up a stream, and within a fifth of a second; they are flushed when the process exits.
 */
export function createLog({ level, name, to }: LogOptions): Logger {
  const destination = to ?? pino.destination({ dest: 1, sync: false, maxLength: mostWaiting, ...together });
  return pino({ level, name, hooks: { streamWrite: withoutKeys } }, destination);
}

function withoutKeys(line: string): string {
  return line.replace(keys, '[key]');
}
