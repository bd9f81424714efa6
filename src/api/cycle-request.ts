import { z } from '@hono/zod-openapi';
import { type JsonObject, isObject } from '../core/canonical.ts';
import { type Recipe, nameSchema, recipeSchema } from '../core/recipe.ts';

/** As OpenAPI 3.1 has it, which takes any JSON Schema. */
type Described = Exclude<Parameters<z.ZodUnknown['openapi']>[0], string>;
type JsonSchema = Extract<NonNullable<Described['oneOf']>[number], object>;

/** A recipe by the name of its file, with another base or another name for what comes out. */
const namedRecipe = z.strictObject({
  recipe: nameSchema,
  base: nameSchema.optional(),
  name: nameSchema.optional(),
});

/** What a cycle starts from. */
export type StartRequest = { whole: Recipe } | { named: z.infer<typeof namedRecipe> } | { baseless: JsonObject };

/** Stands for a name that is found later, where the rest is checked before. */
const placeholder = 'unnamed';

/**
 * A whole recipe, or `{"recipe": name}`, or a recipe without a base. What is wrong is told of the one that was meant, which a
 * union would not.
 */
export const startRequest = z
  .unknown()
  .transform((value, context): StartRequest => {
    if (isObject(value) && 'recipe' in value) {
      const parsed = namedRecipe.safeParse(value);
      if (parsed.success) return { named: parsed.data };
      context.issues.push(...rawIssues(parsed.error, value));
      return z.NEVER;
    }
    const baseless = baselessOf(value);
    const parsed = recipeSchema.safeParse(baseless ? { name: placeholder, ...baseless, base: placeholder } : value);
    if (parsed.success) return baseless ? { baseless } : { whole: parsed.data };
    context.issues.push(...rawIssues(parsed.error, value));
    return z.NEVER;
  })
  .openapi({ oneOf: [schemaOf(recipeSchema, []), schemaOf(namedRecipe)] });

function baselessOf(value: unknown): JsonObject | null {
  return isObject(value) && !Object.hasOwn(value, 'base') ? value : null;
}

function rawIssues(error: z.ZodError, input: unknown): z.core.$ZodRawIssue[] {
  return error.issues.map((issue) => ({ ...issue, input }) as z.core.$ZodRawIssue);
}

function schemaOf(schema: z.ZodType, required?: string[]): JsonSchema {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, { io: 'input' });
  return { ...shape, ...(required && { required }) } as JsonSchema;
}

export interface RecipeFinders {
  /** The recipe in the file of this name. NotFound, or InvalidInput with every fault of the file. */
  readRecipe: (name: string) => Promise<Recipe>;
  /** The base where none is named, and a name for what comes out. BaseMissing, which proposes one. */
  findBase: () => Promise<{ base: string; name: string }>;
}

/** The recipe that a request means. */
export async function recipeOf(request: StartRequest, { readRecipe, findBase }: RecipeFinders): Promise<Recipe> {
  if ('whole' in request) return request.whole;
  if ('baseless' in request) return recipeSchema.parse({ ...(await findBase()), ...request.baseless });
  const { recipe: file, base, name } = request.named;
  return { ...(await readRecipe(file)), ...(base !== undefined && { base }), ...(name !== undefined && { name }) };
}
