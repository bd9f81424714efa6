import { z } from '@hono/zod-openapi';
import { isObject } from '../core/canonical.ts';
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
export type StartRequest = { whole: Recipe } | { named: z.infer<typeof namedRecipe> };

/** A whole recipe, or `{"recipe": name}`. What is wrong is told of the one that was meant, which a union would not. */
export const startRequest = z
  .unknown()
  .transform((value, context): StartRequest => {
    if (isObject(value) && 'recipe' in value) {
      const parsed = namedRecipe.safeParse(value);
      if (parsed.success) return { named: parsed.data };
      context.issues.push(...rawIssues(parsed.error, value));
      return z.NEVER;
    }
    const parsed = recipeSchema.safeParse(value);
    if (parsed.success) return { whole: parsed.data };
    context.issues.push(...rawIssues(parsed.error, value));
    return z.NEVER;
  })
  .openapi({ oneOf: [schemaOf(recipeSchema), schemaOf(namedRecipe)] });

function rawIssues(error: z.ZodError, input: unknown): z.core.$ZodRawIssue[] {
  return error.issues.map((issue) => ({ ...issue, input }) as z.core.$ZodRawIssue);
}

function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, { io: 'input' });
  return shape as JsonSchema;
}

/** The recipe that a request means; `read` finds one by the name of its file. */
export async function recipeOf(request: StartRequest, read: (name: string) => Promise<Recipe>): Promise<Recipe> {
  if ('whole' in request) return request.whole;
  const { recipe: file, base, name } = request.named;
  return { ...(await read(file)), ...(base !== undefined && { base }), ...(name !== undefined && { name }) };
}
