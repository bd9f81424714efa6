import type { ProviderAnswer } from '../types.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { type PlaceTimes, type Room, type Sending, createRoom, usualTimes } from './room.ts';

/** The calls of an Ollama, each sent at once. */
export interface Places {
  call(sending: Sending): Promise<ProviderAnswer>;
  /** How often places were made free so far. */
  freed(): number;
}

export interface PlacesOptions {
  /** Has a model dropped from memory as soon as nobody asks it. */
  drop(model: string, signal: AbortSignal): Promise<unknown>;
  /** Whether a model is in memory. */
  isLoaded(model: string, signal: AbortSignal): Promise<boolean>;
  times?: Partial<PlaceTimes>;
}

/**
 * Keeps the places of models free. Ollama (seen with 0.17.4; ollama#17131) has a few places for the calls of a model, one on
 * most machines. Where a client leaves as two pieces of a stream come at once, the writer of the second waits for ever for
 * somebody to take it, in its place; later calls of the model wait for the place, also for ever. So after a stream was cut
 * one token of the same is asked for. When it does not come, the model is dropped from memory, which ends the writer, and
 * calls that wait are sent again. A model that others use meanwhile is not dropped before they are done.
 */
export function createPlaces({ drop, isLoaded, times }: PlacesOptions): Places {
  const rooms = new Map<string, Room>();
  let freed = 0;

  function roomOf(model: string): Room {
    const known = rooms.get(model);
    if (known) return known;
    const room = createRoom({
      drop: (signal) => {
        freed += 1;
        return drop(model, signal);
      },
      isLoaded: (signal) => isLoaded(model, signal),
      times: { ...usualTimes, ...times },
    });
    rooms.set(model, room);
    return room;
  }

  async function call(sending: Sending): Promise<ProviderAnswer> {
    const { signal } = sending;
    const room = roomOf(fullName(sending.model));
    for (;;) {
      const freeing = room.freeing();
      if (freeing) await unlessAborted(freeing, signal);
      const taken = new AbortController();
      try {
        return await room.enter(sending, taken);
      } catch (error) {
        if (!taken.signal.aborted || signal.aborted) throw error;
      }
    }
  }

  return { call, freed: () => freed };
}

/** The same name for the same model, as Ollama understands names. */
function fullName(model: string): string {
  // A colon before a slash is that of a registry's port.
  return /:[^/]*$/.test(model) ? model : `${model}:latest`;
}
