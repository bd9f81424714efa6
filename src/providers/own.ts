import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isErrno } from '../core/errors.ts';
import type { SettingFault } from '../core/setting-fault.ts';
import type { ProviderDefinition } from './definition.ts';
import { kinds } from './kinds/all.ts';
import { readDefinition } from './own-definition.ts';

/** The kinds that a user's own files define. */
export interface OwnProviders {
  definitions: readonly ProviderDefinition[];
  /** What is wrong with files that define none; the others count all the same. */
  faults: readonly SettingFault[];
  /** What the files are called that define none, without their ends. */
  unread: readonly string[];
}

/** As if there were no file. */
export const noOwnProviders: OwnProviders = { definitions: [], faults: [], unread: [] };

/** Loads every file of the folder, which need not be there. The files are code, and run with the rights of this process. */
export async function loadOwnProviders(folder: string): Promise<OwnProviders> {
  const definitions: ProviderDefinition[] = [];
  const faults: SettingFault[] = [];
  const unread: string[] = [];
  for (const file of await ownFiles(folder)) {
    const found = await loadFile(file, [...kinds, ...definitions]);
    if ('definition' in found) definitions.push(found.definition);
    else {
      faults.push(...found.faults.map(({ place, message }) => ({ level: 'warning' as const, file, place, message })));
      unread.push(basename(file, extname(file)));
    }
  }
  return { definitions, faults, unread };
}

async function ownFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    const isCode = (name: string): boolean => /^[^.].*\.(?:js|mjs|ts)$/.test(name) && !name.endsWith('.d.ts');
    return names
      .filter(isCode)
      .toSorted()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

interface Fault {
  place: string;
  message: string;
}
type Loaded = { definition: ProviderDefinition } | { faults: Fault[] };

async function loadFile(file: string, taken: readonly ProviderDefinition[]): Promise<Loaded> {
  const whole = (message: string): Loaded => ({ faults: [{ place: '', message }] });
  try {
    const { mode } = await stat(file);
    // Whoever may write it could run code as this user. Windows has no such modes.
    if (process.platform !== 'win32' && (mode & 0o022) !== 0) {
      return whole(`others than its owner may write it, and it is code: run "chmod go-w" on it`);
    }
    const { default: exported } = (await import(pathToFileURL(file).href)) as { default?: unknown };
    const read = readDefinition(exported);
    if ('faults' in read) return read;
    const clash = clashOf(read.definition, taken);
    return clash === null ? read : { faults: [clash] };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return whole(`it cannot be loaded (${said.replace(/\s+/g, ' ').slice(0, 300)}): mend that`);
  }
}

function clashOf({ kind, aliases = [] }: ProviderDefinition, taken: readonly ProviderDefinition[]): Fault | null {
  const names = new Set(taken.flatMap((one) => [one.kind, ...(one.aliases ?? [])]));
  if (names.has(kind)) return { place: 'kind', message: `there is a kind "${kind}" already: choose another name` };
  const alias = aliases.find((one) => names.has(one));
  return alias === undefined
    ? null
    : { place: 'aliases', message: `"${alias}" is the name of another kind: leave it out` };
}
