import { readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { packageRoot } from '../../config.ts';
import { RatchetError, isErrno } from '../../core/errors.ts';

/** Where checkpoints are looked for. */
export interface CheckpointRoots {
  basesDir: string;
  /** The home folder, in whose `checkpoints` LitGPT's own commands put what they fetch. */
  home: string;
}

/** How deep a name goes: `Qwen/Qwen2.5-0.5B` is two. */
const deepest = 3;
const segment = /^(?!\.{1,2}$)[\w.@+-]{1,100}$/;

/** The base that comes with the package, which is found by name and is not listed. */
const builtIn: Readonly<Record<string, string>> = {
  'tiny-support': join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'model'),
};

/**
 * The real path of a checkpoint's folder. `path` is where the settings say that it is. InvalidInput for a name or a link that
 * leads out of its root, NotFound when there is none.
 */
export async function findCheckpoint(roots: CheckpointRoots, name: string, path?: unknown): Promise<string> {
  if (path !== undefined) return named(name, path);
  if (!isName(name)) {
    throw new RatchetError(
      'InvalidInput',
      `"${name}" is not the name of a checkpoint: write its folder in the bases folder, such as Qwen/Qwen2.5-0.5B.`,
    );
  }
  for (const root of foldersOf(roots)) {
    const folder = await within(root, name);
    if (folder !== null && (await isCheckpoint(folder))) return folder;
  }
  const own = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (own !== undefined) return realpath(own);
  throw new RatchetError(
    'NotFound',
    `There is no checkpoint "${name}": put its folder into ${roots.basesDir}, or name it in ratchet.json under models."litgpt/${name}".options.checkpoint.`,
  );
}

/** The names of the checkpoints in the roots, sorted. */
export async function listCheckpoints(roots: CheckpointRoots): Promise<string[]> {
  const found = await Promise.all(foldersOf(roots).map((root) => namesUnder(root, root, 1)));
  return [...new Set(found.flat())].toSorted();
}

function isName(name: string): boolean {
  const parts = name.split('/');
  return parts.length <= deepest && parts.every((part) => segment.test(part));
}

function foldersOf({ basesDir, home }: CheckpointRoots): string[] {
  return [basesDir, join(basesDir, 'checkpoints'), join(home, 'checkpoints')];
}

async function named(name: string, path: unknown): Promise<string> {
  const setting = `models."litgpt/${name}".options.checkpoint`;
  if (typeof path !== 'string' || !isAbsolute(path)) {
    throw new RatchetError('InvalidInput', `Correct ratchet.json: ${setting} must be the absolute path of a folder.`);
  }
  const folder = await real(path);
  if (folder !== null && (await isCheckpoint(folder))) return folder;
  throw new RatchetError('NotFound', `${path}, which ${setting} names, holds no checkpoint: correct the path.`);
}

async function within(root: string, name: string): Promise<string | null> {
  const [top, folder] = [await real(root), await real(join(root, name))];
  if (top === null || folder === null) return null;
  if (folder.startsWith(top + sep)) return folder;
  throw new RatchetError(
    'InvalidInput',
    `The checkpoint "${name}" is a link out of ${root}: name its folder in models."litgpt/${name}".options.checkpoint.`,
  );
}

/** Whether a folder is LitGPT's, or one in Hugging Face layout that it can be made from. */
async function isCheckpoint(folder: string): Promise<boolean> {
  const files = new Set(await readdir(folder).catch(() => []));
  if (files.has('lit_model.pth') && files.has('model_config.yaml')) return true;
  return files.has('config.json') && [...files].some((file) => file.endsWith('.safetensors'));
}

async function namesUnder(root: string, folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = await Promise.all(
    entries.map(async (entry) => {
      const inner = join(folder, entry.name);
      if (!entry.isDirectory() || !segment.test(entry.name)) return [];
      if (await isCheckpoint(inner)) return [relative(root, inner).split(sep).join('/')];
      // What lies in `checkpoints` is listed by its name there.
      return depth < deepest && entry.name !== 'checkpoints' ? namesUnder(root, inner, depth + 1) : [];
    }),
  );
  return names.flat();
}

async function real(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return null;
    throw error;
  }
}
