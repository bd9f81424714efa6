import { RatchetError, asRatchetError } from '../../core/errors.ts';
import type { Provider } from '../../providers/types.ts';

/** What each provider lists, remembered: a call by a bare name waits for a list only when nobody has asked for it lately. */
export interface ModelLists {
  /** What was listed last, at once; one that is getting old is asked for again meanwhile. Null when nothing recent is known. */
  known(provider: Provider): readonly string[] | null;
  /**
   * What is listed now. One request serves all who ask at the same time. Rejects when the provider fails, or takes longer
   * than anybody waits; at once when it has just done so.
   */
  ask(provider: Provider): Promise<readonly string[]>;
  /** Grows whenever what is listed has changed. */
  readonly version: number;
}

export interface ModelListsOptions {
  /** How long a list is believed without asking again, in ms. */
  freshMs?: number;
  /** How long a list may be used while it is asked for again, in ms. */
  keepMs?: number;
  /** How long anybody waits for a list, in ms, a quarter of it where nobody set the provider up. It may come later, for the next. */
  patienceMs?: number;
  now?: () => number;
}

interface Entry {
  provider: Provider;
  listed: { at: number; models: readonly string[] } | null;
  asking: Promise<readonly string[]> | null;
  /** Somebody has waited in vain for what is being asked. */
  tardy: boolean;
  /** How often in a row it was slow to fail. */
  slow: number;
  /** Until when it is not asked again. */
  restUntil: number;
  error: RatchetError | null;
}

function newEntry(provider: Provider): Entry {
  return { provider, listed: null, asking: null, tardy: false, slow: 0, restUntil: 0, error: null };
}

/** A failure that takes longer than this is worth avoiding, in ms. */
const slowMs = 250;
const longestRestMs = 60_000;

/** Creates the memory of lists. */
export function createModelLists(options: ModelListsOptions = {}): ModelLists {
  const { freshMs = 5_000, keepMs = 600_000, patienceMs = 2_000, now = () => performance.now() } = options;
  const entries = new Map<string, Entry>();
  let version = 0;

  function entryOf(provider: Provider): Entry {
    const found = entries.get(provider.name);
    // One that was set up anew may be somewhere else.
    if (found?.provider === provider) return found;
    const made = newEntry(provider);
    entries.set(provider.name, made);
    return made;
  }

  async function list(entry: Entry): Promise<readonly string[]> {
    const start = now();
    try {
      // It is for all who wait, so nobody's leaving ends it; the wire has a limit of its own.
      const models = await entry.provider.listModels({ signal: new AbortController().signal });
      if (!sameNames(models, entry.listed?.models)) version += 1;
      entry.listed = { at: now(), models };
      entry.slow = 0;
      entry.restUntil = 0;
      entry.error = null;
      return models;
    } catch (thrown) {
      entry.error = asRatchetError(thrown);
      if (now() - start > slowMs) {
        entry.restUntil = now() + Math.min(longestRestMs, 1_000 * 2 ** entry.slow);
        entry.slow += 1;
      }
      throw entry.error;
    } finally {
      entry.asking = null;
      entry.tardy = false;
    }
  }

  function refresh(entry: Entry): Promise<readonly string[]> {
    if (entry.asking) return entry.asking;
    if (entry.error && now() < entry.restUntil) return Promise.reject(entry.error);
    return (entry.asking = list(entry));
  }

  return {
    known(provider) {
      const entry = entryOf(provider);
      if (!entry.listed) return null;
      const age = now() - entry.listed.at;
      if (age >= freshMs) refresh(entry).catch(() => undefined);
      return age < keepMs ? entry.listed.models : null;
    },
    ask(provider) {
      const entry = entryOf(provider);
      const asked = refresh(entry);
      return entry.tardy ? unheard(asked, provider) : within(patienceMs, entry, asked);
    },
    get version() {
      return version;
    },
  };
}

function within(patienceMs: number, entry: Entry, asked: Promise<readonly string[]>): Promise<readonly string[]> {
  const { provider } = entry;
  const ms = provider.setUp().state === 'usual' ? patienceMs / 4 : patienceMs;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      entry.tardy = entry.asking === asked;
      reject(silent(provider));
    }, ms);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function unheard(asked: Promise<readonly string[]>, provider: Provider): Promise<never> {
  asked.catch(() => undefined);
  return Promise.reject(silent(provider));
}

function silent({ name }: Provider): RatchetError {
  return new RatchetError('ProviderUnavailable', `${name} takes too long to list its models: check that it runs.`);
}

function sameNames(a: readonly string[], b: readonly string[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((name, at) => name === b[at]);
}
