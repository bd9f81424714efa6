import { z } from 'zod';
import { isObject } from '../core/canonical.ts';
import { abilities } from '../core/capabilities.ts';
import type { ProviderDefinition } from './definition.ts';
import { type OwnCreate, createOwn } from './own-create.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'write it with lower-case letters, digits, "_", "." and "-"')
  .refine((value) => value !== 'active', '"active" is the selected model');
const variable = z.string().regex(/^[A-Za-z_]\w*$/, 'write the name of a variable, never a value');
const count = z.int().positive();
const isFunction = z.custom((value) => typeof value === 'function', 'it has to be a function');

const schema = z.strictObject({
  kind: name,
  title: z.string().min(1).max(100),
  aliases: z.array(name).optional(),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'write a URL that begins with http:// or https://' })
    .regex(/^(?!.*\/\/[^/?#]*@)/, 'it must not hold a user name or password')
    .nullable()
    .optional(),
  baseUrlVariables: z.array(variable).optional(),
  apiKeyVariables: z.array(variable).optional(),
  needsKey: z.boolean().optional(),
  reportsUsage: z.boolean().optional(),
  limitField: z.literal('max_completion_tokens').optional(),
  listPrefix: z.string().optional(),
  locality: z.literal('remote').optional(),
  facts: z
    .strictObject({
      abilities: z.partialRecord(z.enum(abilities), z.boolean()),
      context: count.optional(),
      size: count.optional(),
    })
    .optional(),
  checkOptions: isFunction.optional(),
  create: z
    .custom((value) => typeof value === 'function', 'it has to be a function that gives an object with "call"')
    .optional(),
});

/** A definition as it stands in a file: `create` gives less than ours does. */
export interface OwnDefinition extends Omit<ProviderDefinition, 'baseUrl' | 'create'> {
  readonly baseUrl?: string | null;
  readonly create?: OwnCreate;
}

/** A definition from what a file exports, or what is wrong with each field. */
export function readDefinition(
  exported: unknown,
): { definition: ProviderDefinition } | { faults: { place: string; message: string }[] } {
  if (exported === undefined) {
    return { faults: [{ place: '', message: 'it exports nothing: write "export default { kind: …, title: … }"' }] };
  }
  const faults: { place: string; message: string }[] = [];
  if (!isOwnDefinition(exported, faults)) return { faults };
  const { create, baseUrl = 'http://127.0.0.1', ...facts } = exported;
  return { definition: { ...facts, baseUrl, ...(create && { create: createOwn(create) }) } };
}

const unplaced = 'say where it is reached, or null when everybody has to say it for themselves';

/** Tells what is wrong in `faults`. */
function isOwnDefinition(value: unknown, faults: { place: string; message: string }[]): value is OwnDefinition {
  const { success, error } = schema.safeParse(value);
  faults.push(...(error?.issues ?? []).map(({ path, message }) => ({ place: path.join('.'), message })));
  const isPlaced = !isObject(value) || 'baseUrl' in value || 'create' in value;
  if (!isPlaced) faults.push({ place: 'baseUrl', message: unplaced });
  return success && isPlaced;
}
