import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { type ModelFacts, knowsNothing, mergeFacts } from '../../core/capabilities.ts';
import { listedFacts } from './listed.ts';
import { type TellingRoute, tellingRoute } from './servers.ts';

export interface TellerOptions {
  kind: string;
  /** Up to and with `/v1`. */
  baseUrl: string;
  /** Gets a JSON document with the provider's key. */
  get: (url: string, signal: AbortSignal) => Promise<Json>;
  /** A clock in ms that never goes back. */
  now?: () => number;
}

/** Reads what a server that speaks the OpenAI wire format tells of its models. */
export interface Teller {
  /** Takes note of a list that was got for another reason. */
  noteList(list: Json): void;
  /** What is told of one model; null when nothing is. Rejects with what the list of models rejects with. */
  describe(model: string, options: { signal: AbortSignal }): Promise<ModelFacts | null>;
}

/** A list is asked again no sooner, in ms: it tells of all models at once. */
const listForMs = 60_000;

/** Creates a teller. One list and one answer of the server's own route serve all models for a minute. */
export function createTeller({ kind, baseUrl, get, now = () => performance.now() }: TellerOptions): Teller {
  let listed: Remembered<ReadonlyMap<string, JsonObject>> | null = null;
  let asked: (Remembered<Json> & { path: string }) | null = null;
  const isFresh = (kept: { at: number } | null): boolean => kept !== null && now() - kept.at < listForMs;

  function list(signal: AbortSignal): Promise<ReadonlyMap<string, JsonObject>> {
    if (!listed || !isFresh(listed)) {
      const value = get(`${baseUrl}/models`, signal).then(entriesOf);
      listed = { at: now(), value };
      value.catch(() => (listed = null));
    }
    return listed.value;
  }

  /** What a server does not have, or does not give, is not known: that is no fault. */
  function ask({ path }: TellingRoute, signal: AbortSignal): Promise<Json> {
    if (asked?.path !== path || !isFresh(asked)) {
      const url = `${baseUrl.replace(/\/v1$/, '')}${path}`;
      asked = { at: now(), path, value: get(url, signal).catch(() => null) };
    }
    return asked.value;
  }

  return {
    noteList(answer) {
      listed = { at: now(), value: Promise.resolve(entriesOf(answer)) };
    },
    async describe(model, { signal }) {
      const entry = (await list(signal)).get(model);
      const route = tellingRoute(kind, entry);
      const more = route && route.read(await ask(route, signal), model);
      const facts = mergeFacts([more, entry && listedFacts(entry)]);
      return knowsNothing(facts) ? null : facts;
    },
  };
}

interface Remembered<T> {
  at: number;
  value: Promise<T>;
}

/** Together lists without an envelope. */
function entriesOf(answer: Json): ReadonlyMap<string, JsonObject> {
  const entries = Array.isArray(answer) ? answer : isObject(answer) && Array.isArray(answer.data) ? answer.data : [];
  return new Map(
    entries.filter(isObject).flatMap((entry) => (typeof entry.id === 'string' ? [[entry.id, entry] as const] : [])),
  );
}
