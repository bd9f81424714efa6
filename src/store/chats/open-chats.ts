import type { Statement } from '../database.ts';
import type { CompletionTable } from '../schema.ts';
import type { OutcomeRow } from './statements.ts';

/** What the end of a completion needs to know of its beginning. */
export type Begun = Pick<
  CompletionTable,
  'tip' | 'thread' | 'conversation_id' | 'owner' | 'key_id' | 'team' | 'provider' | 'model'
>;

/** A completion that this process began. */
export interface OpenChat extends Begun {
  /** Its outcome may stand in the journal before it stands in the tables. */
  journaled: boolean;
  /** Its outcome stands in the journal. */
  over?: boolean;
}

/** A request that waits for its outcome. */
export interface HeldRequest {
  holdMs: number;
  /** By what reads find it, for the journal; null for one that only the tables can tell whether it may be written. */
  keys: readonly string[] | null;
  /** What writes it with its outcome; `whole`: whatever of it was thought to be stored. */
  statements: (outcome: OutcomeRow, how?: { whole: boolean }) => Statement[];
  /** Told when that batch is committed. */
  written: () => void;
  /** Writes it on its own. */
  write: () => Promise<void>;
  /** Told when it could not be written on its own. */
  lost: (error: unknown) => void;
}

const rememberedMessages = 20_000;
/** With so many chats in flight an answer takes longer, although its provider does not. */
export const crowd = 16;

/** What this process keeps in mind of its chats, so that what runs for each of them needs no reading. */
export interface OpenChats {
  /** Completions that this process began and has not finished. */
  readonly begun: Map<string, OpenChat>;
  /** When a request was last taken down in the journal without its outcome, on the clock of `performance.now`. */
  notedAt: number;
  /** Keeps a request for so long, then writes it. */
  hold(id: string, request: HeldRequest): void;
  /** The request that is still held, for who writes it now; waits for one that is being written, and fails with it. */
  release(id: string): Promise<HeldRequest | null>;
  /** How many messages of a chain, from its beginning, are stored; the id of the last of them is `known`. */
  stored(ids: readonly string[]): { count: number; known: string | null };
  /** Notes messages that are committed. */
  remember(ids: readonly string[]): void;
  /** Forgets all messages: one that was thought to be stored is not. */
  forget(): void;
}

/** Creates an empty memory. */
export function createOpenChats(): OpenChats {
  let [young, old] = [new Set<string>(), new Set<string>()];

  function add(id: string): void {
    young.add(id);
    if (young.size < rememberedMessages / 2) return;
    [young, old] = [new Set(), young];
  }

  const begun = new Map<string, OpenChat>();
  /** A map that grew or shrank leaves its old table to the collector, with all that was in it: what is over is emptied. */
  const held = new Map<string, { request: HeldRequest | null; timer: NodeJS.Timeout }>();
  const writing = new Map<string, Promise<void>>();

  function takeHeld(id: string): HeldRequest | null {
    const found = held.get(id);
    if (!found) return null;
    clearTimeout(found.timer);
    held.delete(id);
    const { request } = found;
    found.request = null;
    return request;
  }

  function writeAlone(id: string): void {
    const request = takeHeld(id);
    if (!request) return;
    const { write, lost } = request;
    const done = write();
    writing.set(id, done);
    void done
      .catch((error: unknown) => {
        // It is not in flight any more, and nobody will finish it.
        begun.delete(id);
        lost(error);
      })
      .finally(() => writing.delete(id));
  }

  return {
    begun,
    notedAt: -Infinity,
    hold(id, request) {
      held.set(id, { request, timer: setTimeout(() => writeAlone(id), request.holdMs) });
    },
    async release(id) {
      const request = takeHeld(id);
      if (!request) await writing.get(id);
      return request;
    },
    stored(ids) {
      for (let count = ids.length; count > 0; count -= 1) {
        const known = ids[count - 1] ?? '';
        if (young.has(known) || old.has(known)) return { count, known };
      }
      return { count: 0, known: null };
    },
    remember(ids) {
      for (const id of ids) add(id);
    },
    forget() {
      [young, old] = [new Set(), new Set()];
    },
  };
}
