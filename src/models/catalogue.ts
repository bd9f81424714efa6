import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RatchetError, asRatchetError, isErrno } from '../core/errors.ts';
import { parseJsonText } from '../core/json-text.ts';
import { watchFile } from '../watched-file.ts';
import { type CatalogueEntry, readEntry } from './catalogue-entry.ts';

/** `models_config.json` as it was written: a list, an object with the list in `models`, or an object by name. */
export interface CatalogueDocument {
  /** What is around the list, where it stands in `models`. */
  around: Readonly<Record<string, unknown>> | null;
  /** In the file's order. `key` is the name where the file is an object by name. */
  items: readonly { key: string | null; raw: unknown; entry: CatalogueEntry }[];
  /** Whether the items stand in an object by name. */
  isByName: boolean;
}

const object = z.record(z.string(), z.unknown());
const list = z.array(z.unknown());

/** Reads the text of a catalogue. InvalidInput names every entry that is no model. */
export function parseCatalogue(text: string, file: string): CatalogueDocument {
  const read = parseJsonText(text);
  if ('fault' in read) throw badFile(file, [`it ${read.fault}`]);
  const outer = object.safeParse(read.value);
  const around = outer.success && holdsList(outer.data['models']) ? outer.data : null;
  const body = around ? around['models'] : read.value;
  const named = object.safeParse(body);
  const listed = list.safeParse(body);
  if (!named.success && !listed.success) throw badFile(file, ['write a list of models, or {"models": [ … ]}']);
  const raws = listed.success
    ? listed.data.map((raw) => ({ key: null, raw }))
    : Object.entries(named.data ?? {}).map(([key, raw]) => ({ key, raw }));
  const faults: string[] = [];
  const items = raws.flatMap(({ key, raw }, at) => {
    const entry = readEntry(raw, key);
    if (!('fault' in entry)) return [{ key, raw, entry }];
    faults.push(`${around ? 'models.' : ''}${key ?? at}: ${entry.fault}`);
    return [];
  });
  if (faults.length > 0) throw badFile(file, faults);
  return { around, items, isByName: !listed.success };
}

/** An object without a list or an object in `models` is itself one by name. */
function holdsList(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function badFile(file: string, faults: readonly string[]): RatchetError {
  return new RatchetError('InvalidInput', `Correct ${file}: ${faults.join('; ')}.`, { details: { faults } });
}

/** The catalogue's file; null when there is none. InvalidInput when it is no catalogue. */
export function readCatalogue(file: string): (CatalogueDocument & { text: string }) | null {
  try {
    const text = readFileSync(file, 'utf8');
    return { ...parseCatalogue(text, file), text };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** The catalogue as every call may ask it. */
export interface CatalogueReader {
  /** The entry of that name; null when there is none. Synchronous and cheap. */
  find(name: string): CatalogueEntry | null;
  entries(): readonly CatalogueEntry[];
}

const lookEveryMs = 100;

/** Creates a reader of the catalogue. As long as the file is bad, what it said before holds, and the log says so once. */
export function createCatalogueReader(options: {
  file: string;
  log: { warn(facts: Record<string, unknown>, message: string): void };
  now?: () => number;
}): CatalogueReader {
  const { file, log, now } = options;
  const watched = watchFile({ file, everyMs: lookEveryMs, ...(now && { now }) });
  let entries: readonly CatalogueEntry[] = [];
  let byName = new Map<string, CatalogueEntry>();

  function look(): void {
    const news = watched.news();
    if (!news) return;
    try {
      if ('error' in news) throw news.error;
      const document = news.bytes && parseCatalogue(news.bytes.toString('utf8'), file);
      entries = document?.items.map(({ entry }) => entry) ?? [];
      byName = namesOf(entries);
    } catch (error) {
      log.warn({ file, fault: asRatchetError(error).message }, 'the catalogue is not in force');
    }
  }

  return {
    find(name) {
      look();
      return byName.get(name) ?? null;
    },
    entries() {
      look();
      return entries;
    },
  };
}

/** The first that has a name keeps it. `active` is the selected model's, and one with a slash is a model ref. */
function namesOf(entries: readonly CatalogueEntry[]): Map<string, CatalogueEntry> {
  const names = new Map<string, CatalogueEntry>();
  for (const entry of entries) {
    for (const name of entry.names)
      if (name !== 'active' && !name.includes('/') && !names.has(name)) names.set(name, entry);
  }
  return names;
}
