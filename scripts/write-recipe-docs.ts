// Writes what is told of recipes from their schema: the JSON Schema for editors, and the table in docs/recipes.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/config.ts';
import { type RecipeField, recipeFields, recipeJsonSchema } from '../src/workspace/recipes/fields.ts';

export const recipeSchemaFile = join(packageRoot, 'deploy', 'recipe.schema.json');
export const recipeDocsFile = join(packageRoot, 'docs', 'recipes.md');

const [begin, end] = ['<!-- fields: npm run schema -->', '<!-- end of fields -->'];

/** The text with its table made anew. */
export function withFields(text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/recipes.md has lost "${begin}" or "${end}": put them back.`);
  return `${text.slice(0, from)}${begin}\n\n${tableOf(recipeFields())}\n\n${text.slice(to)}`;
}

/** As the formatter of the docs writes tables: every column as wide as its widest cell. */
function tableOf(fields: readonly RecipeField[]): string {
  const rows = [
    ['field', 'may be', 'unless set', 'what it does, and why'],
    ...fields.map((field) => [`\`${field.path}\``, field.values, fallback(field), field.about]),
  ];
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

function fallback(field: RecipeField): string {
  if (field.path === 'name') return 'the file’s name';
  if (field.below) return 'what follows';
  if (!('default' in field)) return 'has to be set';
  return Array.isArray(field.default) ? 'all of them' : String(field.default);
}

if (import.meta.main) {
  writeFileSync(recipeSchemaFile, recipeJsonSchema());
  writeFileSync(recipeDocsFile, withFields(readFileSync(recipeDocsFile, 'utf8')));
}
