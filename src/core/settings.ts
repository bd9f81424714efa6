import { z } from 'zod';
import { type RecordMode, recordModes } from './access.ts';
import { RatchetError } from './errors.ts';

/** Where a provider's answers come from. */
export const localities = ['local', 'remote'] as const;

/** What `ratchet.json` says about one provider. */
export interface ProviderSettings {
  record?: RecordMode | undefined;
  /** Whether recipes may learn from its chats; local providers yes, remote ones no, unless set. */
  train?: boolean | undefined;
  /** `deny`: it is never asked in place of a local one, whatever a route says. */
  egress?: 'deny' | undefined;
  /** In place of what its base URL says: a loopback address is local, any other remote. */
  locality?: (typeof localities)[number] | undefined;
}

/** A name that clients ask for as a model, and what stands behind it. */
export interface RouteSettings {
  /** `active`, or `provider/model`. */
  model: string;
  /** Asked in this order when the one before fails. */
  fallback: readonly string[];
  /** `allow`: remote models may be asked in place of local ones. */
  egress: 'allow' | 'deny';
  record?: RecordMode | undefined;
}

/** US dollars per million tokens. */
export interface Price {
  input: number;
  output: number;
  /** For prompt tokens that the provider had in its cache; as `input` when absent. */
  cachedInput?: number | undefined;
}

/** What `ratchet.json` says, checked. */
export interface Settings {
  providers: ReadonlyMap<string, ProviderSettings>;
  routes: ReadonlyMap<string, RouteSettings>;
  /** Chats older than this are erased; null keeps them. */
  retention: { days: number | null };
  /** By model ref, model name, or either with `*`. */
  prices: ReadonlyMap<string, Price>;
}

const record = z.enum(recordModes);
const modelRef = z
  .string()
  .max(300)
  .regex(/^(active|[^/\s]+\/\S.*)$/, 'write the model as "provider/model", or "active" for the selected one');
const dollars = z.number().min(0).max(1_000_000);

const provider = z.strictObject({
  record: record.optional(),
  train: z.boolean().optional(),
  egress: z.literal('deny').optional(),
  locality: z.enum(localities).optional(),
});

const route = z.strictObject({
  model: modelRef,
  fallback: z.array(modelRef).max(20).default([]),
  egress: z.enum(['allow', 'deny']).default('deny'),
  record: record.optional(),
});

const price = z.strictObject({ input: dollars, output: dollars, cached_input: dollars.optional() }).transform(
  ({ cached_input, ...rest }): Price => ({
    ...rest,
    ...(cached_input !== undefined && { cachedInput: cached_input }),
  }),
);

const routeName = z
  .string()
  .regex(/^[\w.:-]{1,100}$/, 'a route is named with letters, digits, ".", "_", ":" and "-", so that it is no model ref')
  .refine((name) => name !== 'active', '"active" is the selected model and cannot be a route');

const schema = z.strictObject({
  $schema: z.string().optional(),
  providers: z
    .record(z.string().regex(/^[\w.-]{1,100}$/, 'name a provider as /api/providers does'), provider)
    .default({}),
  routes: z.record(routeName, route).default({}),
  retention: z
    .strictObject({ days: z.number().positive().max(36_500).nullable().default(null) })
    .default({ days: null }),
  prices: z.record(z.string().min(1).max(300), price).default({}),
});

/** The settings when there is no file. */
export const defaultSettings: Settings = settingsOf(schema.parse({}));

/** Reads the text of `ratchet.json`. InvalidInput names the file and every fault in it at once. */
export function parseSettings(text: string, file: string): Settings {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/\s+/g, ' ') : String(cause);
    throw new RatchetError('InvalidInput', `${file} is not valid JSON (${reason}): correct it.`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return settingsOf(parsed.data);
  const faults = parsed.error.issues.map(faultOf);
  throw new RatchetError('InvalidInput', `Correct ${file}: ${faults.join('; ')}.`, { details: { faults } });
}

/** What is in force for one provider, whether the file names it or not. */
export function providerInForce(
  settings: Settings,
  name: string,
  ownLocality: (typeof localities)[number],
): { record: RecordMode; train: boolean; egress: 'deny' | 'route'; locality: (typeof localities)[number] } {
  const { record = 'all', train, egress = 'route', locality = ownLocality } = settings.providers.get(name) ?? {};
  return { record, train: train ?? locality === 'local', egress, locality };
}

function settingsOf({ providers, routes, retention, prices }: z.infer<typeof schema>): Settings {
  return {
    providers: new Map(Object.entries(providers)),
    routes: new Map(Object.entries(routes)),
    retention,
    prices: new Map(Object.entries(prices)),
  };
}

/** What is wrong where. A key that is wrong itself has its reason one level down. */
function faultOf(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join('.');
  const said = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return where === '' ? said : `${where}: ${said}`;
}
