import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { readConfig } from '../config.ts';
import { tellFault } from '../core/setting-fault.ts';
import { recipeJsonSchema } from '../workspace/recipes/fields.ts';
import { type RecipeFile, listRecipes, readRecipe } from '../workspace/recipes/folder.ts';
import { tableText } from './table.ts';

/** What editors find beside the recipes. */
const schemaFile = 'recipe.schema.json';

/** `ratchet recipes …`: the recipes in the home folder, and what is wrong with them. No API is asked. */
export function registerRecipes(program: Command): void {
  const recipes = program.command('recipes').description('recipes in the folder "recipes" of the home folder');
  recipes
    .command('list', { isDefault: true })
    .description('every recipe')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const files = await found();
      console.log(json ? JSON.stringify(files.map(viewOf), null, 2) : listed(files));
    });
  recipes
    .command('check')
    .description('every fault of every recipe, with its file, line and path; exit code 1 when there is one')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const files = await found();
      const faults = files.flatMap((file) => file.faults);
      console.log(json ? JSON.stringify(faults, null, 2) : [...faults.map(tellFault), checked(files)].join('\n'));
      if (faults.length > 0) process.exitCode = 1;
    });
  recipes
    .command('show <name>')
    .description('one recipe with every default filled in')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }) => {
      const recipe = await readRecipe(folder(), name);
      console.log(json ? JSON.stringify(recipe, null, 2) : stringify(recipe).trimEnd());
    });
  recipes
    .command('schema')
    .description(`write ${schemaFile} beside the recipes, by which editors complete and check them`)
    .action(async () => {
      const file = join(folder(), schemaFile);
      await mkdir(folder(), { recursive: true });
      await writeFile(file, recipeJsonSchema());
      console.log(`Written: ${file}. Begin a recipe with "# yaml-language-server: $schema=${schemaFile}".`);
    });
}

function folder(): string {
  return readConfig().config.recipesDir;
}

async function found(): Promise<RecipeFile[]> {
  return listRecipes(folder());
}

function viewOf({ name, file, recipe, faults }: RecipeFile): object {
  return { name, file, base: recipe?.base ?? null, model: recipe?.name ?? null, faults: faults.map(tellFault) };
}

function listed(files: readonly RecipeFile[]): string {
  if (files.length === 0) return `There are no recipes in ${folder()}: docs/recipes.md says how one is written.`;
  const rows = files.map(({ name, recipe, faults }) => [
    name,
    recipe?.base ?? '',
    recipe ? '' : `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}: ratchet recipes check`,
  ]);
  return tableText([['name', 'base', ''], ...rows]);
}

function checked(files: readonly RecipeFile[]): string {
  const bad = files.filter(({ faults }) => faults.length > 0).length;
  if (files.length === 0) return `There are no recipes in ${folder()}.`;
  return bad === 0 ? `${files.length} recipes, none with a fault.` : `${bad} of ${files.length} recipes have faults.`;
}
