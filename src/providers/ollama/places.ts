import { setTimeout as sleep } from 'node:timers/promises';
import type { Body } from '../body.ts';
import type { ProviderAnswer } from '../types.ts';

/** How one call is sent; `signal` ends it as well as the call's own. */
export interface Sending {
  model: string;
  signal: AbortSignal;
  send(signal: AbortSignal): Promise<ProviderAnswer>;
  /** Sends the same again, for one token of a whole answer: what was read of the prompt is still there. */
  again(signal: AbortSignal): Promise<ProviderAnswer>;
}

/** The calls of an Ollama, each sent at once. */
export interface Places {
  call(sending: Sending): Promise<ProviderAnswer>;
}

export interface PlacesOptions {
  /** Has a model dropped from memory as soon as nobody asks it. */
  drop(model: string, signal: AbortSignal): Promise<unknown>;
  /** Whether a model is in memory. */
  isLoaded(model: string, signal: AbortSignal): Promise<boolean>;
  times?: Partial<PlaceTimes>;
}

export interface PlaceTimes {
  /** How long one token may take to come after a stream was cut, at least, in ms; what the stream's own first took, twice, if that is more. */
  tokenMs: number;
  /** How long nothing may come to calls that wait since a stream was cut beside them, in ms. */
  silenceMs: number;
  /** How long a model that was dropped may stay in memory, in ms. */
  dropMs: number;
}

const usualTimes: PlaceTimes = { tokenMs: 5_000, silenceMs: 120_000, dropMs: 5_000 };
const pollMs = 20;

/** What is known of one model's places. */
interface Room {
  /** Calls that were sent and are not over. */
  open: number;
  /** Those of them without a head yet; each can be taken back and sent again. */
  waiting: Set<AbortController>;
  /** The last stream that was cut since a place was last known to be free. */
  cut: Cut | null;
  /** Ends when the places are free again. */
  freeing: Promise<void> | null;
  timer: NodeJS.Timeout | undefined;
}

interface Cut {
  sending: Sending;
  /** From the request to the head of the answer. */
  firstMs: number;
}

/**
 * Keeps a model's places free. Ollama (seen with 0.17.4; ollama#17131) has a few places for the calls of a model, one on most
 * machines. Where a client leaves as two pieces of a stream come at once, the writer of the second waits for ever for somebody
 * to take it, in its place; later calls of the model wait for the place, also for ever. So after a stream was cut one token of
 * the same is asked for. When it does not come, the model is dropped from memory, which ends the writer, and calls that wait
 * are sent again. A model that others use meanwhile is not dropped before they are done.
 */
export function createPlaces({ drop, isLoaded, times }: PlacesOptions): Places {
  const { tokenMs, silenceMs, dropMs } = { ...usualTimes, ...times };
  const rooms = new Map<string, Room>();

  function roomOf(model: string): Room {
    const known = rooms.get(model);
    if (known) return known;
    const room: Room = { open: 0, waiting: new Set(), cut: null, freeing: null, timer: undefined };
    rooms.set(model, room);
    return room;
  }

  async function call(sending: Sending): Promise<ProviderAnswer> {
    const model = fullName(sending.model);
    for (;;) {
      const room = roomOf(model);
      if (room.freeing) await untilAborted(room.freeing, sending.signal);
      const taken = new AbortController();
      try {
        return await enter(room, sending, taken);
      } catch (error) {
        if (!taken.signal.aborted || sending.signal.aborted) throw error;
      }
    }
  }

  async function enter(room: Room, sending: Sending, taken: AbortController): Promise<ProviderAnswer> {
    const start = performance.now();
    room.open += 1;
    room.waiting.add(taken);
    try {
      const answer = await sending.send(AbortSignal.any([sending.signal, taken.signal]));
      heard(room);
      const firstMs = performance.now() - start;
      const isStream = answer.headers['content-type']?.startsWith('application/json') === false;
      return watched(answer, {
        heard: () => heard(room),
        over: (cut) => leave(room, cut && isStream ? { sending, firstMs } : null),
      });
    } catch (error) {
      leave(room, null);
      throw error;
    } finally {
      room.waiting.delete(taken);
    }
  }

  /** Something came: it may still be the turn of those that wait. */
  function heard(room: Room): void {
    room.timer?.refresh();
  }

  function stopWatching(room: Room): void {
    clearTimeout(room.timer);
    room.timer = undefined;
    room.cut = null;
  }

  function leave(room: Room, cut: Cut | null): void {
    room.open -= 1;
    room.cut = cut ?? room.cut;
    if (room.cut && room.open === 0) void probe(room, room.cut);
    else if (cut) watchSilence(room, cut);
  }

  /** A probe would wait behind the others; as long as they are answered there is time. */
  function watchSilence(room: Room, { sending }: Cut): void {
    clearTimeout(room.timer);
    room.timer = setTimeout(() => void free(room, sending), silenceMs);
    room.timer.unref();
  }

  async function probe(room: Room, { sending, firstMs }: Cut): Promise<void> {
    stopWatching(room);
    const patience = AbortSignal.timeout(Math.max(tokenMs, 2 * firstMs));
    try {
      const { body } = await sending.again(patience);
      body.cancel();
    } catch {
      // What was refused was answered.
      if (patience.aborted) await free(room, sending);
    }
  }

  async function free(room: Room, { model }: Sending): Promise<void> {
    if (room.freeing) return;
    stopWatching(room);
    const freeing = Promise.withResolvers<void>();
    room.freeing = freeing.promise;
    // As long as one of ours waits, the model is in use.
    for (const waiting of room.waiting) waiting.abort(new Error('the call is sent again'));
    const signal = AbortSignal.timeout(dropMs);
    try {
      await drop(model, signal);
      while (await isLoaded(model, signal)) await sleep(pollMs, undefined, { signal });
    } catch {
      // Others use it, or nobody answers: those that wait are told when they are sent again.
    }
    room.freeing = null;
    freeing.resolve();
  }

  return { call };
}

interface Watcher {
  heard(): void;
  /** Told once, and whether the answer was cut before its end. */
  over(cut: boolean): void;
}

function watched(answer: ProviderAnswer, { heard, over }: Watcher): ProviderAnswer {
  let told = false;
  const tell = (cut: boolean): void => {
    if (told) return;
    told = true;
    over(cut);
  };
  const body: Body = {
    ...answer.body,
    read: (reader) =>
      answer.body.read({
        piece(bytes) {
          heard();
          reader.piece(bytes);
        },
        end() {
          tell(false);
          reader.end();
        },
        fail(error) {
          tell(true);
          reader.fail(error);
        },
      }),
    cancel() {
      answer.body.cancel();
      tell(true);
    },
  };
  return { ...answer, body };
}

/** The same name for the same model, as Ollama understands names. */
function fullName(model: string): string {
  return model.includes(':') ? model : `${model}:latest`;
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
