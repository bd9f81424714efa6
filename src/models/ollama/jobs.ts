import { type RatchetError, asRatchetError } from '../../core/errors.ts';
import { uuidv7 } from '../../store/ids.ts';
import { type Figures, createMeter } from './figures.ts';
import { type JobEvent, type JobLog, createJobLog } from './job-log.ts';
import { keyOf } from './name.ts';
import type { ProgressLine } from './wire.ts';

export type JobKind = 'pull' | 'push' | 'create';
export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

/** Something that Ollama is busy with for seconds or hours. It goes on when whoever asked for it leaves. */
export interface Job {
  id: string;
  kind: JobKind;
  model: string;
  state: JobState;
  /** Ollama's own words for what it is doing. */
  status: string;
  /** Null where there is nothing to count, or not yet. */
  figures: Figures | null;
  /** How often it was cut off and gone on with. */
  cuts: number;
  error: RatchetError | null;
  /** In ms since 1970. */
  startedAt: number;
  finishedAt: number | null;
}

/** What a job's work tells on its way. */
export interface JobTeller {
  line(line: ProgressLine): void;
  /** It was cut off and is tried again after `waitMs`. */
  cut(error: RatchetError, waitMs: number): void;
}

export interface JobRequest {
  kind: JobKind;
  model: string;
  work: (tell: JobTeller, signal: AbortSignal) => Promise<void>;
}

export interface Jobs {
  /** Starts a job, or gives the one that does the same already. */
  start(request: JobRequest): Job;
  /** Newest first. */
  list(): Job[];
  get(id: string): Job | null;
  /** Ends a job; what has been fetched stays for the next time. Resolves when it has ended, at once when it had. */
  cancel(id: string): Promise<void>;
  /** What happened after the event with number `from`, until the job has ended. */
  follow(id: string, from: number, signal: AbortSignal): AsyncGenerator<JobEvent>;
  /** Resolves with the job when it has ended, however it did. */
  ended(id: string): Promise<Job | null>;
  /** Cancels what is running. */
  close(): Promise<void>;
}

export interface JobsOptions {
  /** A clock in ms that never goes back. */
  now?: () => number;
  /** Least time between two events with figures, in ms. */
  tellEveryMs?: number;
}

interface Entry {
  job: Job;
  key: string;
  log: JobLog;
  abort: AbortController;
  over: Promise<void>;
}

const kept = 100;

/** Creates the list of jobs of this process: those that run, and the last hundred that have ended. */
export function createJobs({ now = () => performance.now(), tellEveryMs = 250 }: JobsOptions = {}): Jobs {
  const entries = new Map<string, Entry>();

  function start({ kind, model, work }: JobRequest): Job {
    const key = `${kind} ${keyOf(model)}`;
    const same = [...entries.values()].find((entry) => entry.key === key && entry.job.state === 'running');
    if (same) return same.job;
    const job: Job = {
      id: uuidv7(),
      kind,
      model,
      state: 'running',
      status: 'starting',
      figures: null,
      cuts: 0,
      error: null,
      startedAt: Date.now(),
      finishedAt: null,
    };
    const log = createJobLog();
    const abort = new AbortController();
    const over = run({ job, log, work, signal: abort.signal, now, tellEveryMs });
    entries.set(job.id, { job, key, log, abort, over });
    forgetOldest(entries);
    return job;
  }

  async function cancel(id: string): Promise<void> {
    const entry = entries.get(id);
    entry?.abort.abort(new Error('cancelled'));
    await entry?.over;
  }

  return {
    start,
    list: () => [...entries.values()].map(({ job }) => job).reverse(),
    get: (id) => entries.get(id)?.job ?? null,
    cancel,
    async *follow(id, from, signal) {
      const entry = entries.get(id);
      if (entry) yield* entry.log.follow(from, signal);
    },
    async ended(id) {
      const entry = entries.get(id);
      await entry?.over;
      return entry?.job ?? null;
    },
    close: async () => void (await Promise.all([...entries.keys()].map(cancel))),
  };
}

interface Running {
  job: Job;
  log: JobLog;
  work: JobRequest['work'];
  signal: AbortSignal;
  now: () => number;
  tellEveryMs: number;
}

async function run({ job, log, work, signal, now, tellEveryMs }: Running): Promise<void> {
  const figures = createTeller({ job, log, now, tellEveryMs });
  const tell: JobTeller = {
    line(line) {
      if (line.status !== job.status) {
        figures.flush();
        job.status = line.status;
        log.lasting('status', { status: line.status });
      }
      figures.add(line);
    },
    cut(error, waitMs) {
      job.cuts++;
      log.lasting('cut', { reason: error.message, again_in_seconds: waitMs / 1000 });
    },
  };
  try {
    await work(tell, signal);
    job.state = 'done';
  } catch (thrown) {
    job.state = signal.aborted ? 'cancelled' : 'failed';
    if (!signal.aborted) job.error = asRatchetError(thrown);
  }
  figures.flush();
  job.finishedAt = Date.now();
  const { state, error } = job;
  log.end({ state, error: error && { code: error.code, message: error.message } });
}

interface FiguresTeller {
  add(line: ProgressLine): void;
  /** Tells what was held back. */
  flush(): void;
}

/** Tells figures at once, but no more often than every `tellEveryMs`; what is held back is told when that is over. */
function createTeller({ job, log, now, tellEveryMs }: Omit<Running, 'work' | 'signal'>): FiguresTeller {
  const meter = createMeter();
  let waiting: NodeJS.Timeout | null = null;
  let isHeld = false;

  function tell(): void {
    isHeld = false;
    job.figures = meter.figures(now());
    if (job.figures) log.passing('progress', { status: job.status, figures: job.figures });
  }

  function free(): void {
    waiting = null;
    if (isHeld) tell();
  }

  return {
    add(line) {
      if (line.digest === undefined) return;
      meter.add(line, now());
      isHeld = true;
      if (waiting) return;
      tell();
      waiting = setTimeout(free, tellEveryMs).unref();
    },
    flush() {
      if (waiting) clearTimeout(waiting);
      free();
    },
  };
}

function forgetOldest(entries: Map<string, Entry>): void {
  for (const [id, { job }] of entries) {
    if (entries.size <= kept) return;
    if (job.state !== 'running') entries.delete(id);
  }
}
