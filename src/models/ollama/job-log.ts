import type { Figures } from './figures.ts';

/** One thing that happened to a job. Ids grow, so that a reader can go on after the last one it has. */
export interface JobEvent {
  id: number;
  event: 'status' | 'progress' | 'cut' | 'end';
  data: Readonly<Record<string, unknown>> & { readonly figures?: Figures };
}

/** What happened to a job, for any number of readers that come and go. */
export interface JobLog {
  /** Adds what every reader is to see. */
  lasting(event: 'status' | 'cut', data: JobEvent['data']): void;
  /** Adds what is only of use until the next one comes. */
  passing(event: 'progress', data: JobEvent['data']): void;
  /** The last event. */
  end(data: JobEvent['data']): void;
  /** Events after number `from`, as they come, until the last. Ends early, without an error, when `signal` is aborted. */
  follow(from: number, signal: AbortSignal): AsyncGenerator<JobEvent>;
}

const lastingKept = 1_000;

/** Creates the log of one job. It holds the newest of the passing events only, so that it stays small. */
export function createJobLog(): JobLog {
  let lasting: JobEvent[] = [];
  let passing: JobEvent | null = null;
  let last = 0;
  let isOver = false;
  let wake = Promise.withResolvers<void>();

  function add(event: JobEvent['event'], data: JobEvent['data']): void {
    const added = { id: ++last, event, data };
    if (event === 'progress') passing = added;
    else lasting = [...lasting, added].slice(-lastingKept);
    const waiting = wake;
    wake = Promise.withResolvers();
    waiting.resolve();
  }

  function after(from: number): JobEvent[] {
    const all = passing === null ? lasting : [...lasting, passing];
    return all.filter(({ id }) => id > from).sort((one, other) => one.id - other.id);
  }

  return {
    lasting: add,
    passing: add,
    end(data) {
      isOver = true;
      add('end', data);
    },
    async *follow(from, signal) {
      let at = from;
      const left = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => left.resolve(), { once: true });
      while (!signal.aborted) {
        const { promise: news } = wake;
        for (const event of after(at)) {
          at = event.id;
          yield event;
        }
        if (isOver && at >= last) return;
        if (at >= last) await Promise.race([news, left.promise]);
      }
    },
  };
}
