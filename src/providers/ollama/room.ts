import { setTimeout as sleep } from 'node:timers/promises';
import type { ProviderAnswer } from '../types.ts';
import { watched } from './watched.ts';

/** How one call is sent; `signal` ends it as well as the call's own. */
export interface Sending {
  model: string;
  signal: AbortSignal;
  send(signal: AbortSignal): Promise<ProviderAnswer>;
  /** Sends the same again, for one token of a whole answer: what was read of the prompt is still there. */
  again(signal: AbortSignal): Promise<ProviderAnswer>;
}

export interface PlaceTimes {
  /** How long one token may take after a stream was cut, at least, in ms; twice what the stream's own first took, if that is more. */
  tokenMs: number;
  /** How long nothing may come to calls that wait since a stream was cut beside them, in ms. */
  silenceMs: number;
  /** How long a model that was dropped may stay in memory, in ms. */
  dropMs: number;
}

export const usualTimes: PlaceTimes = { tokenMs: 5_000, silenceMs: 120_000, dropMs: 5_000 };

/** The places of one model. */
export interface Room {
  /** Ends when the places are free again; null while nothing is done about them. */
  freeing(): Promise<void> | null;
  /** Sends a call; `taken` is aborted where it has to be sent again. */
  enter(sending: Sending, taken: AbortController): Promise<ProviderAnswer>;
}

interface RoomOptions {
  drop(signal: AbortSignal): Promise<unknown>;
  isLoaded(signal: AbortSignal): Promise<boolean>;
  times: PlaceTimes;
}

interface Cut {
  sending: Sending;
  /** From the request to the head of the answer. */
  firstMs: number;
}

const pollMs = 20;

/** Nobody has called yet. */
export function createRoom({ drop, isLoaded, times }: RoomOptions): Room {
  /** Calls without a head yet. */
  const waiting = new Set<AbortController>();
  /** Calls that were sent and are not over. */
  let open = 0;
  /** The last stream that was cut since the places were last looked after. */
  let cut: Cut | null = null;
  let freeing: Promise<void> | null = null;
  let silence: NodeJS.Timeout | undefined;

  async function enter(sending: Sending, taken: AbortController): Promise<ProviderAnswer> {
    const start = performance.now();
    open += 1;
    waiting.add(taken);
    try {
      const answer = await sending.send(AbortSignal.any([sending.signal, taken.signal]));
      heard();
      const firstMs = performance.now() - start;
      const isStream = answer.headers['content-type']?.startsWith('application/json') === false;
      // What broke by itself, or was no stream of Ollama's, has no writer that waits.
      const left = (whole: boolean): boolean => !whole && isStream && sending.signal.aborted;
      return watched(answer, { heard, over: (whole) => leave(left(whole) ? { sending, firstMs } : null) });
    } catch (error) {
      leave(null);
      throw error;
    } finally {
      waiting.delete(taken);
    }
  }

  /** Something came: it may still be the turn of those that wait. */
  function heard(): void {
    silence?.refresh();
  }

  function leave(last: Cut | null): void {
    open -= 1;
    cut = last ?? cut;
    if (!cut) return;
    if (open === 0) return void look(cut);
    if (!last) return;
    // A token would wait behind the others; as long as they are answered there is time.
    clearTimeout(silence);
    silence = setTimeout(() => void free(), times.silenceMs).unref();
  }

  function lookedAfter(): void {
    clearTimeout(silence);
    silence = undefined;
    cut = null;
  }

  async function look({ sending, firstMs }: Cut): Promise<void> {
    lookedAfter();
    if (!(await answers(sending, Math.max(times.tokenMs, 2 * firstMs)))) await free();
  }

  async function free(): Promise<void> {
    if (freeing) return;
    lookedAfter();
    const done = Promise.withResolvers<void>();
    freeing = done.promise;
    // As long as one of ours waits, the model is in use.
    for (const one of waiting) one.abort(new Error('the call is sent again'));
    await dropped({ drop, isLoaded }, times.dropMs);
    freeing = null;
    done.resolve();
  }

  return { freeing: () => freeing, enter };
}

/** Whether one token comes in time. */
async function answers(sending: Sending, patienceMs: number): Promise<boolean> {
  const patience = AbortSignal.timeout(Math.ceil(patienceMs));
  try {
    const { body } = await sending.again(patience);
    body.cancel();
    return true;
  } catch {
    // What was refused was answered.
    return !patience.aborted;
  }
}

/** Waits until a model is out of memory, or gives up: others use it, or nobody answers. */
async function dropped({ drop, isLoaded }: Pick<RoomOptions, 'drop' | 'isLoaded'>, dropMs: number): Promise<void> {
  const signal = AbortSignal.timeout(dropMs);
  try {
    await drop(signal);
    while (await isLoaded(signal)) await sleep(pollMs, undefined, { signal });
  } catch {
    // Calls are told what is wrong when they are sent again.
  }
}
