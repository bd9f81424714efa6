import { z } from 'zod';
import { isObject } from '../../core/canonical.ts';
import { recipeSchema } from '../../core/recipe.ts';
import { reasons } from './reasons.ts';

/** One field of a recipe, as `collect.min_rating`. */
export interface RecipeField {
  path: string;
  /** What it may be, in words: `a whole number from 1 to 256`. */
  values: string;
  /** Undefined where it has to be given. */
  default?: unknown;
  /** Its own fields follow, and say what they are unless set. */
  below?: true;
  /** What it does, and why it is what it is unless set. */
  about: string;
}

interface Shape {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Shape[];
  oneOf?: Shape[];
  items?: Shape;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  format?: string;
  default?: unknown;
  description?: string;
  properties?: Record<string, Shape>;
  required?: string[];
}

/** The JSON Schema of a recipe's file, with what each field is for; for editors, which know this draft best. */
export function recipeJsonSchema(): string {
  const { $schema, ...shape } = recipeShape();
  const described = describe(shape, '');
  const required = described.required?.filter((name) => name !== 'name') ?? [];
  const title = 'A recipe of Ratchet';
  return `${JSON.stringify({ $schema, title, ...described, required }, null, 2)}\n`;
}

/** Every field that there is, in the order of the schema. */
export function recipeFields(): RecipeField[] {
  return fieldsOf(recipeShape(), '');
}

function recipeShape(): Shape & { $schema?: string } {
  return z.toJSONSchema(recipeSchema, { io: 'input', target: 'draft-7' }) as Shape;
}

function describe(shape: Shape, path: string): Shape {
  const about = reasons[path];
  const properties = Object.entries(shape.properties ?? {}).map(([name, field]): [string, Shape] => [
    name,
    describe(field, path === '' ? name : `${path}.${name}`),
  ]);
  return {
    ...(about !== undefined && { description: about }),
    ...shape,
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
  };
}

function fieldsOf({ properties = {} }: Shape, prefix: string): RecipeField[] {
  return Object.entries(properties).flatMap(([name, shape]) => {
    const path = `${prefix}${name}`;
    if (shape.properties) return fieldsOf(shape, `${path}.`);
    const inner = shape.anyOf?.find(({ properties: own }) => own !== undefined);
    if (inner && shape.default !== null) {
      const own = { path, values: 'null, or what follows', below: true as const, about: reasons[path] ?? '' };
      return [own, ...fieldsOf(inner, `${path}.`)];
    }
    const fallback = 'default' in shape ? { default: shape.default } : {};
    return [{ path, values: valuesOf(shape), ...fallback, about: reasons[path] ?? '' }];
  });
}

/** What a field may be, in words. */
function valuesOf(shape: Shape): string {
  const { type, anyOf, oneOf, items, format, properties } = shape;
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.enum) return shape.enum.map((value) => String(value)).join(', ');
  const options = anyOf ?? oneOf;
  if (options) return options.map(valuesOf).join(', or ');
  if (type === 'array') return items && !isObject(items.properties) ? `a list of ${valuesOf(items)}` : 'a list';
  if (type === 'integer') return `a whole number${rangeOf(shape)}`;
  if (type === 'number') return `a number${rangeOf(shape)}`;
  if (type === 'boolean') return 'true, false';
  if (type === 'null') return 'null';
  if (properties) return `{ ${Object.keys(properties).join(', ')} }`;
  return format === 'date-time' ? 'a time, as 2026-01-31T00:00:00Z' : 'text';
}

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Shape): string {
  const least = minimum === undefined ? wordOf('above', exclusiveMinimum) : wordOf('from', minimum);
  const most = maximum === undefined ? wordOf('below', exclusiveMaximum) : wordOf('to', maximum);
  return least + most;
}

function wordOf(word: string, value: number | undefined): string {
  // Every whole number ends somewhere; nobody has to know.
  return value === undefined || Math.abs(value) === Number.MAX_SAFE_INTEGER ? '' : ` ${word} ${value}`;
}
