import { readFile, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { z } from 'zod';
import { RatchetError, isErrno } from '../core/errors.ts';
import { nameSchema } from '../core/recipe.ts';
import { type ImportDeps, type Imported, importModel } from './import.ts';

/** Where bases are: one folder each under `basesDir`, and those that come with Ratchet, by name. */
export interface BaseRoots {
  basesDir: string;
  builtIn: Readonly<Record<string, string>>;
}

/** A base that is ready to be trained. */
export interface Base {
  name: string;
  /** Real path of its folder, in Hugging Face layout. */
  folder: string;
  /** Its model in Ollama, where its `ratchet.json` names one. */
  ollama: string | null;
  /** Where it was fetched from; null where nobody noted it. */
  origin: BaseOrigin | null;
}

const originSchema = z.strictObject({ hub: z.string().min(1), revision: z.string().min(1) });
/** A repository of a hub, and the commit of it or what was asked for instead. */
export type BaseOrigin = z.infer<typeof originSchema>;

/** What stands in a base's `ratchet.json`. */
const settingsSchema = z.strictObject({ ollama: z.string().min(1).optional(), origin: originSchema.optional() });
/** Without these nothing is a base. */
export const neededFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const;

/** The bases that come with Ratchet: `tiny-support` under the package's folder. */
export function builtInBases(packageRoot: string): Record<string, string> {
  return { 'tiny-support': join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'model') };
}

/**
 * Finds a base by its name. Throws BaseMissing, which lists the bases that are there, and InvalidInput for a name or a link
 * that leads out of the bases folder.
 */
export async function resolveBase(roots: BaseRoots, name: string): Promise<Base> {
  if (!nameSchema.safeParse(name).success) {
    throw new RatchetError('InvalidInput', `"${name}" is not the name of a base: use the name of its folder.`);
  }
  const folder = await findFolder(roots, name);
  if (folder === null) {
    const available = await listBases(roots);
    const list = available.length > 0 ? `There are: ${available.join(', ')}.` : 'There are none yet.';
    throw new RatchetError(
      'BaseMissing',
      `The base "${name}" is not in ${roots.basesDir}: get it with "ratchet bases add", or put its folder there (Hugging Face layout), then retry. ${list}`,
      { details: { available } },
    );
  }
  await assertComplete(name, folder);
  const { ollama = null, origin = null } = await readBaseSettings(folder);
  return { name, folder, ollama, origin };
}

/** Names of all bases, sorted. */
export async function listBases(roots: BaseRoots): Promise<string[]> {
  const entries = await readdir(roots.basesDir, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const builtIn: string[] = [];
  for (const [name, folder] of Object.entries(roots.builtIn)) if (await real(folder)) builtIn.push(name);
  return [...new Set([...folders, ...builtIn])].filter((name) => nameSchema.safeParse(name).success).sort();
}

/** All bases with where they are from, sorted by name; what is wrong with one is told when it is used. */
export async function basesWithOrigin(roots: BaseRoots): Promise<{ name: string; origin: BaseOrigin | null }[]> {
  const names = await listBases(roots);
  return Promise.all(
    names.map(async (name) => {
      const settings = await readBaseSettings(join(roots.basesDir, name)).catch(() => ({ origin: undefined }));
      return { name, origin: settings.origin ?? null };
    }),
  );
}

/**
 * The model ref that serves a base: what its `ratchet.json` names, which Ollama must have, else the base itself, imported as
 * `<prefix><base>-base` unless it is there already.
 */
export async function ensureBaseServed(
  deps: ImportDeps,
  base: Base,
  options: { signal?: AbortSignal; onStatus?: (status: string) => void } = {},
): Promise<Imported> {
  if (base.ollama === null) {
    return importModel(deps, { folder: base.folder, name: baseModelName(deps.modelPrefix, base.name), ...options });
  }
  const model = await deps.ollama.find(base.ollama, options.signal);
  if (model) return { served: `ollama/${base.ollama}`, digest: model.digest };
  throw new RatchetError(
    'BaseMissing',
    `Ollama does not have ${base.ollama}, which serves the base "${base.name}": run "ollama pull ${base.ollama}", then retry.`,
  );
}

/** Name in Ollama of a base that Ratchet imports. */
export function baseModelName(prefix: string, base: string): string {
  return `${prefix}${base}-base`;
}

async function findFolder(roots: BaseRoots, name: string): Promise<string | null> {
  const own = await real(join(roots.basesDir, name));
  if (own !== null) {
    const root = (await real(roots.basesDir)) ?? roots.basesDir;
    if (own.startsWith(root + sep)) return own;
    throw new RatchetError(
      'InvalidInput',
      `The base "${name}" is a link out of ${roots.basesDir}: copy the folder there, or set RATCHET_BASES_DIR to its parent.`,
    );
  }
  const builtIn = Object.hasOwn(roots.builtIn, name) ? roots.builtIn[name] : undefined;
  return builtIn === undefined ? null : real(builtIn);
}

async function assertComplete(name: string, folder: string): Promise<void> {
  const root = await realpath(folder);
  const files = await readdir(folder);
  const missing: string[] = neededFiles.filter((file) => !files.includes(file));
  if (!files.some((file) => file.endsWith('.safetensors'))) missing.push('*.safetensors');
  if (missing.length > 0) {
    throw new RatchetError(
      'BaseMissing',
      `The base "${name}" is not complete: add ${missing.join(', ')} to ${folder}.`,
    );
  }
  for (const file of files) {
    const target = await real(join(folder, file));
    if (target === null || dirname(target) === root || target.startsWith(root + sep)) continue;
    throw new RatchetError(
      'InvalidInput',
      `${basename(file)} of the base "${name}" is a link out of its folder: copy the file itself there.`,
    );
  }
}

/** What `ratchet.json` says; nothing where there is none. */
async function readBaseSettings(folder: string): Promise<z.infer<typeof settingsSchema>> {
  const path = join(folder, 'ratchet.json');
  try {
    return settingsSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return {};
    throw new RatchetError('InvalidInput', `${path} is not valid: write {"ollama": "<model>"} or remove it.`, {
      cause,
    });
  }
}

async function real(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return null;
    throw error;
  }
}
