import { z } from 'zod';
import { type RecordMode, recordModes } from './access.ts';
import type { JsonObject } from './canonical.ts';
import { abilities, type ModelFacts } from './capabilities.ts';
import { RatchetError } from './errors.ts';
import { type GpuSettings, leaseModes } from './gpu.ts';
import { parseJsonText } from './json-text.ts';
import { baseUrlFault, variableNameFault } from './setting-checks.ts';

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
  /** Its kind, for a provider with a name of its own; its name is its kind unless given. */
  kind?: string | undefined;
  /** `false` leaves it out. */
  enabled?: boolean | undefined;
  baseUrl?: string | undefined;
  /** Name of the variable that holds its key. */
  apiKeyEnv?: string | undefined;
  /** What only its kind knows, such as Ollama's `num_ctx`. */
  options?: JsonObject | undefined;
  limits?: TrafficLimits | undefined;
  /** How long an answer may take to begin, in seconds, before the next in line is asked; no limit unless given. */
  timeoutSeconds?: number | undefined;
  /** How often one call is tried again there; `routing.retries` unless given. */
  retries?: number | undefined;
  /** Whether its models are on the GPU that training uses; by its kind unless given. */
  gpu?: boolean | undefined;
}

/** How much a provider, or one model of it, is given to do. */
export interface TrafficLimits {
  requestsPerMinute?: number | undefined;
  tokensPerMinute?: number | undefined;
  /** Calls at one time. */
  concurrent?: number | undefined;
}

/** What `ratchet.json` says about one model. */
export interface ModelSettings {
  /** In place of, or beside, what its provider has. */
  options?: JsonObject | undefined;
  /** In place of what its provider tells. */
  facts: ModelFacts;
  limits?: TrafficLimits | undefined;
}

/** How one of several deployments is chosen. `order`: the first, and the others only when it fails. */
export const strategies = ['order', 'shuffle', 'least-busy', 'usage', 'latency', 'cost'] as const;
export type Strategy = (typeof strategies)[number];

/** One of several models that a route may ask, each as good as the other. */
export interface Deployment {
  model: string;
  /** Its share among the others when shuffled. */
  weight: number;
  /** A request with tags is only given to a deployment that has one of them. */
  tags: readonly string[];
}

/** What holds for every call. */
export interface RoutingSettings {
  /** A provider's name or a model ref that answers everything, whatever was asked for; the way back in trouble. */
  force: string | null;
  /** How often a call is tried again at the same provider after a passing fault. */
  retries: number;
  /** Asked when what was asked for does not answer, where no route says otherwise. */
  fallback: readonly string[];
  /** `allow`: remote models may be asked in place of local ones by `routing.fallback` and `routing.force`. */
  egress: 'allow' | 'deny';
  /** A model that so many calls in a row got no answer from is left alone for so long. */
  breaker: { failures: number; seconds: number };
}

/** A name that clients ask for as a model, and what stands behind it. */
export interface RouteSettings {
  /** `active`, or `provider/model`. */
  model: string;
  /** Other models that are as good as `model`; it counts as the first of them. Empty where there is one only. */
  deployments?: readonly Deployment[] | undefined;
  /** `order` unless given. */
  strategy?: Strategy | undefined;
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
  /** By model ref. */
  models: ReadonlyMap<string, ModelSettings>;
  /** Other names of models: by name, the ref. */
  aliases: ReadonlyMap<string, string>;
  routing: RoutingSettings;
  /** Chats older than this are erased; null keeps them. */
  retention: { days: number | null };
  gpu: GpuSettings;
  /** By model ref, model name, or either with `*`. */
  prices: ReadonlyMap<string, Price>;
}

const record = z.enum(recordModes);
const modelRef = z
  .string()
  .max(300)
  .regex(/^(active|[^/\s]+\/\S.*)$/, 'write the model as "provider/model", or "active" for the selected one');
const dollars = z.number().min(0).max(1_000_000);

const count = z.int().positive().max(1_000_000_000);
const options = z.record(z.string(), z.json()).optional();
const name = z.string().regex(/^[\w.-]{1,100}$/, 'name a provider as /api/providers does');

/** A rule that gives what is wrong, as a refinement. */
function checkedBy(faultOf: (value: string) => string | null): (value: string, context: z.RefinementCtx) => void {
  return (value, context) => {
    const message = faultOf(value);
    if (message !== null) context.addIssue({ code: 'custom', message });
  };
}

const variableName = z.string().superRefine(checkedBy(variableNameFault));

const limits = z
  .strictObject({
    requests_per_minute: count.optional(),
    tokens_per_minute: count.optional(),
    concurrent: count.optional(),
  })
  .transform(
    ({ requests_per_minute, tokens_per_minute, concurrent }): TrafficLimits =>
      given({ requestsPerMinute: requests_per_minute, tokensPerMinute: tokens_per_minute, concurrent }),
  )
  .optional();

const provider = z
  .strictObject({
    record: record.optional(),
    train: z.boolean().optional(),
    egress: z.literal('deny').optional(),
    locality: z.enum(localities).optional(),
    kind: name.optional(),
    enabled: z.boolean().optional(),
    base_url: z.string().superRefine(checkedBy(baseUrlFault)).optional(),
    api_key_env: variableName.optional(),
    options,
    limits,
    timeout_seconds: z.number().positive().max(86_400).optional(),
    retries: z.int().min(0).max(10).optional(),
    gpu: z.boolean().optional(),
  })
  .transform(
    ({ base_url, api_key_env, timeout_seconds, ...rest }): ProviderSettings => ({
      ...rest,
      ...given({ baseUrl: base_url, apiKeyEnv: api_key_env, timeoutSeconds: timeout_seconds }),
    }),
  );

const model = z
  .strictObject({
    options,
    abilities: z.partialRecord(z.enum(abilities), z.boolean()).default({}),
    context: count.optional(),
    limits,
  })
  .transform(
    ({ abilities, context, ...rest }): ModelSettings => ({ ...rest, facts: { abilities, ...given({ context }) } }),
  );

const deployment = z.strictObject({
  model: modelRef,
  weight: z.number().positive().max(1_000).default(1),
  tags: z.array(z.string().min(1).max(100)).max(50).default([]),
});

const egress = z.enum(['allow', 'deny']).default('deny');
const fallback = z.array(modelRef).max(20).default([]);

const route = z.strictObject({
  model: modelRef,
  deployments: z.array(deployment).max(100).optional(),
  strategy: z.enum(strategies).optional(),
  fallback,
  egress,
  record: record.optional(),
});

const routing = z
  .strictObject({
    force: z.string().min(1).max(300).nullable().default(null),
    retries: z.int().min(0).max(10).default(2),
    fallback: z.array(modelRef).max(20).optional(),
    egress,
    breaker: z
      .strictObject({ failures: count.default(5), seconds: z.number().positive().max(3_600).default(30) })
      .default({ failures: 5, seconds: 30 }),
  })
  .prefault({});

const gpu = z
  .strictObject({
    lease: z.enum(leaseModes).default('auto'),
    wait_seconds: z.number().min(0).max(86_400).default(60),
    need_gb: z.number().positive().max(100_000).nullable().default(null),
    cpu_gb: z.number().min(0).max(100_000).nullable().default(null),
  })
  .prefault({})
  .transform(
    ({ lease, wait_seconds, need_gb, cpu_gb }): GpuSettings => ({
      lease,
      waitSeconds: wait_seconds,
      needGb: need_gb,
      cpuGb: cpu_gb,
    }),
  );

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
  providers: z.record(name, provider).default({}),
  routes: z.record(routeName, route).default({}),
  models: z.record(modelRef, model).default({}),
  aliases: z.record(routeName, modelRef).default({}),
  routing,
  retention: z
    .strictObject({ days: z.number().positive().max(36_500).nullable().default(null) })
    .default({ days: null }),
  gpu,
  prices: z.record(z.string().min(1).max(300), price).default({}),
});

/** What holds where the file says nothing. */
export interface SettingsDefaults {
  /** For `routing.fallback`. */
  fallback?: readonly string[];
}

/** The settings when there is no file. */
export const defaultSettings: Settings = settingsWithout({});

/** The settings when there is no file, and what holds then. */
export function settingsWithout(defaults: SettingsDefaults): Settings {
  return settingsOf(schema.parse({}), defaults);
}

/** What else is wrong with the file's value, each with its place; for what this room does not know. */
export type SettingsCheck = (value: unknown) => readonly string[];

/** Reads the text of `ratchet.json`. InvalidInput names the file and every fault in it at once. */
export function parseSettings(
  text: string,
  file: string,
  defaults: SettingsDefaults = {},
  check: SettingsCheck = () => [],
): Settings {
  const read = parseJsonText(text);
  if ('fault' in read) {
    const details = { faults: [`it ${read.fault}`] };
    throw new RatchetError('InvalidInput', `${file} ${read.fault}: correct it.`, { details });
  }
  const parsed = schema.safeParse(read.value);
  const further = check(read.value);
  if (parsed.success && further.length === 0) return settingsOf(parsed.data, defaults);
  const faults = [...(parsed.error?.issues.map(faultOf) ?? []), ...further];
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

function settingsOf(
  { providers, routes, models, aliases, routing, retention, gpu, prices }: z.infer<typeof schema>,
  { fallback = [] }: SettingsDefaults,
): Settings {
  return {
    providers: new Map(Object.entries(providers)),
    routes: new Map(Object.entries(routes)),
    models: new Map(Object.entries(models)),
    aliases: new Map(Object.entries(aliases)),
    routing: { ...routing, fallback: routing.fallback ?? fallback },
    retention,
    gpu,
    prices: new Map(Object.entries(prices)),
  };
}

/** The fields that have a value. */
function given<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

/** What is wrong where. A key that is wrong itself has its reason one level down. */
function faultOf(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join('.');
  const said = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : withHint(issue);
  return where === '' ? said : `${where}: ${said}`;
}

/** A key of a provider has places of its own. */
function withHint(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys' || !issue.keys.includes('api_key')) return issue.message;
  return `${issue.message}: name the variable that holds it in "api_key_env", or run "ratchet provider-key set"`;
}
