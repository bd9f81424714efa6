import { readFile, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError, asRatchetError } from '../../core/errors.ts';
import { nameSchema } from '../../core/recipe.ts';
import { writeFileDurably } from '../../store/files.ts';
import { type BaseOrigin, type BaseRoots, basesWithOrigin, neededFiles } from '../bases.ts';
import { readChatTemplate } from '../chat-template.ts';
import { type Figures, createMeter } from '../ollama/figures.ts';
import { toOllamaTemplate } from '../template.ts';
import { type BaseSource, openBringing } from './source.ts';
import { filesBeside, weightFiles, weightIndex } from './wanted.ts';

export interface AddBaseDeps {
  roots: BaseRoots;
  /** Looks at a folder as a cycle does; InvalidInput says what of it cannot be trained. */
  check: (folder: string, options: { withoutWeights: boolean; signal: AbortSignal }) => Promise<void>;
}

export interface AddBaseRequest {
  name: string;
  source: BaseSource;
  signal: AbortSignal;
  onStatus: (status: string) => void;
  onFigures: (figures: Figures) => void;
}

export interface AddedBase {
  name: string;
  folder: string;
  /** Of all its files. */
  bytes: number;
  origin: BaseOrigin | null;
  /** False where it was there already. */
  added: boolean;
}

/**
 * Puts a base into the bases folder: what training needs of it and nothing else, looked at as a cycle looks at it, first what
 * is small, then the weights; whole or not at all. What has come of a hub stays for the next attempt. Conflict for a name that is taken.
 */
export async function addBase(deps: AddBaseDeps, request: AddBaseRequest): Promise<AddedBase> {
  const { name, source } = request;
  assertName(name);
  const folder = join(deps.roots.basesDir, name);
  const there = await standing(deps, request);
  if (there) return { name, folder, bytes: await bytesOf(folder), origin: there, added: false };
  const aside = join(deps.roots.basesDir, `.adding-${name}-${source.key.slice(0, 12)}`);
  await removeOthers(deps.roots.basesDir, name, aside);
  try {
    const { into } = await bringAll(deps, request, aside);
    await rename(into, folder);
  } catch (error) {
    // What cannot be trained is not worth keeping; what was cut off is.
    if (asRatchetError(error).code === 'InvalidInput') await rm(aside, { recursive: true, force: true });
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
  return { name, folder, bytes: await bytesOf(folder), origin: source.origin(), added: true };
}

function assertName(name: string): void {
  const parsed = nameSchema.safeParse(name);
  if (parsed.success) return;
  const why = parsed.error.issues[0]?.message ?? 'choose another';
  throw new RatchetError('InvalidInput', `"${name.slice(0, 100)}" is no name for a base: ${why}.`);
}

/** Where the base of this name is from, if it is what is asked for. */
async function standing({ roots }: AddBaseDeps, { name, source }: AddBaseRequest): Promise<BaseOrigin | null> {
  const found = (await basesWithOrigin(roots)).find((base) => base.name === name);
  if (!found) return null;
  if (found.origin !== null && found.origin.hub === source.origin()?.hub) return found.origin;
  throw new RatchetError('Conflict', `There is a base "${name}" already: give another name with --name.`);
}

async function bringAll(
  deps: AddBaseDeps,
  { name, source, signal, onStatus, onFigures }: AddBaseRequest,
  aside: string,
): Promise<{ into: string }> {
  const names = source.files.map(({ path }) => path);
  // Says at once that there is nothing to train, where no index has to be read for it.
  if (!names.includes(weightIndex)) weightFiles(names, null);
  assertNeeded(names);
  const { into, parts } = await openBringing(aside, name);
  const meter = createMeter();
  const sizeOf = new Map(source.files.map(({ path, size }) => [path, size]));
  const note = (path: string, completed: number): void => {
    meter.add({ status: '', digest: path, total: sizeOf.get(path) ?? 0, completed }, performance.now());
    const figures = meter.figures(performance.now());
    if (figures) onFigures(figures);
  };
  const bring = async (path: string): Promise<void> => {
    await source.bring(path, { into, parts, signal, onBytes: (bytes) => note(path, bytes) });
  };
  const beside = filesBeside(names);
  onStatus('fetching what it says of itself');
  for (const path of beside) await bring(path);
  await assertTrainable(deps, into, { withoutWeights: true, signal });
  const index = names.includes(weightIndex) ? await readFile(join(into, weightIndex), 'utf8') : null;
  const weights = weightFiles(names, index);
  const bytes = weights.reduce((sum, path) => sum + (sizeOf.get(path) ?? 0), 0);
  // As they came, and as they are trained on.
  await assertRoom(aside, source.room(bytes) + bytes - (await bytesOf(parts)));
  onStatus('fetching weights');
  // They count from the beginning, so that what is left is told.
  for (const path of weights) note(path, 0);
  for (const path of weights) await bring(path);
  const origin = source.origin();
  if (origin) await writeFileDurably(join(into, 'ratchet.json'), `${JSON.stringify({ origin }, null, 2)}\n`);
  onStatus('converting for training');
  await assertTrainable(deps, into, { withoutWeights: false, signal });
  return { into };
}

async function assertTrainable(
  { check }: AddBaseDeps,
  folder: string,
  options: { withoutWeights: boolean; signal: AbortSignal },
): Promise<void> {
  await check(folder, options);
  // What an import would say after the training.
  toOllamaTemplate(await readChatTemplate(folder));
}

function assertNeeded(names: readonly string[]): void {
  const missing = neededFiles.filter((name) => !names.includes(name));
  if (missing.length === 0) return;
  throw new RatchetError(
    'InvalidInput',
    `It lacks ${missing.join(' and ')}: name a whole model in Hugging Face layout.`,
  );
}

async function assertRoom(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  const [wanted, there] = [needed, free].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`);
  throw new RatchetError(
    'DiskFull',
    `It takes ${wanted} more, fetched and as it is trained on, and ${there} are free: free some, or set RATCHET_BASES_DIR.`,
  );
}

async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What came of another revision is of no use. */
async function removeOthers(basesDir: string, name: string, aside: string): Promise<void> {
  const names = await readdir(basesDir).catch(() => []);
  for (const found of names) {
    const rest = found.startsWith(`.adding-${name}-`) ? found.slice(`.adding-${name}-`.length) : '';
    if (!/^[0-9a-f]{12}$/.test(rest) || join(basesDir, found) === aside) continue;
    await rm(join(basesDir, found), { recursive: true, force: true });
  }
}
