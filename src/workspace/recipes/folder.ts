import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { RatchetError, isErrno } from '../../core/errors.ts';
import { nearestNames } from '../../core/nearest.ts';
import { type Recipe, nameSchema } from '../../core/recipe.ts';
import { type SettingFault, tellFault } from '../../core/setting-fault.ts';
import { parseRecipe } from './parse.ts';

const ending = '.yaml';
/** The largest file that is read, in bytes. */
const largestFile = 16 * 2 ** 20;

/** A file of the folder of recipes: what it says, or what is wrong with it. */
export interface RecipeFile {
  name: string;
  file: string;
  recipe: Recipe | null;
  faults: SettingFault[];
}

/** Every file of a folder of recipes, by its name; none where there is no folder. */
export async function listRecipes(folder: string): Promise<RecipeFile[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
  return Promise.all(files.map((name) => readFileOf(folder, name)));
}

/**
 * The recipe of a name. Nothing outside the folder is read, whatever the name is or a link points to. NotFound with the
 * names that are nearest; InvalidInput with every fault of the file.
 */
export async function readRecipe(folder: string, name: string): Promise<Recipe> {
  if (!nameSchema.safeParse(name).success) {
    throw new RatchetError(
      'InvalidInput',
      `"${name.slice(0, 100)}" is no name of a recipe: give it without folder and ending.`,
    );
  }
  const file = join(folder, name + ending);
  if (!(await isThere(file))) throw await notThere(folder, name);
  const { recipe, faults } = await readFileOf(folder, name + ending);
  if (recipe) return recipe;
  throw faultyRecipes(faults);
}

/** One error that names every fault of some recipes. */
export function faultyRecipes(faults: readonly SettingFault[]): RatchetError {
  const lines = faults.map(tellFault);
  const message =
    lines.length === 1
      ? `Correct the recipe: ${lines.join('')}.`
      : `Correct the recipe:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new RatchetError('InvalidInput', message, { details: { faults: lines } });
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function notThere(folder: string, name: string): Promise<RatchetError> {
  const names = (await listRecipes(folder)).map((one) => one.name);
  const nearest = nearestNames(name, names);
  const hint =
    names.length === 0
      ? 'there is none yet, docs/recipes.md says how one is written'
      : `there are ${(nearest.length > 0 ? nearest : names.slice(0, 10)).join(', ')}`;
  return new RatchetError('NotFound', `There is no recipe ${name} in ${folder}: ${hint}.`);
}

async function readFileOf(folder: string, fileName: string): Promise<RecipeFile> {
  const file = join(folder, fileName);
  const name = basename(fileName).replace(/\.ya?ml$/, '');
  const bad = (message: string): RecipeFile => ({
    name,
    file,
    recipe: null,
    faults: [{ level: 'fault', file, place: '', message }],
  });
  if (!fileName.endsWith(ending)) return bad(`is not read: call it ${name}${ending}`);
  if (!nameSchema.safeParse(name).success) return bad('is not read: name it with a-z, 0-9, ".", "_" and "-"');
  try {
    const refused = await refusal(folder, file);
    if (refused !== null) return bad(refused);
    const parsed = parseRecipe(await readFile(file, 'utf8'), { file, name });
    return { name, file, recipe: parsed.recipe ?? null, faults: parsed.faults ?? [] };
  } catch (error) {
    return bad(`cannot be read (${isErrno(error, 'EACCES') ? 'no right to' : String(error)})`);
  }
}

/** Why a file is not read: links may lead within the folder, as those of a mounted volume do, and nowhere else. */
async function refusal(folder: string, file: string): Promise<string | null> {
  const [home, place] = await Promise.all([realpath(folder), realpath(file)]);
  if (!place.startsWith(home + sep)) return 'is not read: it is a link that leads out of the folder';
  const { size, isFile } = await stat(place).then((found) => ({ size: found.size, isFile: found.isFile() }));
  if (!isFile) return 'is not read: it is no file';
  return size > largestFile ? 'is larger than 16 MiB: take a smaller suite' : null;
}
