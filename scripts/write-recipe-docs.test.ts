import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { recipeJsonSchema } from '../src/workspace/recipes/fields.ts';
import { parseRecipe } from '../src/workspace/recipes/parse.ts';
import { recipeDocsFile, recipeSchemaFile, withFields } from './write-recipe-docs.ts';

test('schema and table are those of the recipe ("npm run schema" writes them)', () => {
  expect(readFileSync(recipeSchemaFile, 'utf8')).toBe(recipeJsonSchema());
  const docs = readFileSync(recipeDocsFile, 'utf8');
  expect(withFields(docs)).toBe(docs);
});

test('the example is a recipe', () => {
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(readFileSync(recipeDocsFile, 'utf8')) ?? [];
  const { recipe, faults } = parseRecipe(example, { file: 'recipes/support.yaml', name: 'support' });
  expect(faults).toBeUndefined();
  expect(recipe).toMatchObject({ name: 'support', gate: { metric: 'facts' }, promote: 'manual' });
});
