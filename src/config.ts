import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { RatchetError } from './core/errors.ts';
import { reachedAt, serverVariableShape } from './core/ollama-server.ts';
import { baseUrlFault } from './core/setting-checks.ts';
import { type SettingFault, faultsError } from './core/setting-fault.ts';
import { readDotEnv } from './dot-env.ts';

/** The folder of the package itself: Python scripts, the tiny base, sample chats. */
export const packageRoot = findPackageRoot();

/** Variables that hold a secret. */
const secretName = /(_KEY|_TOKEN|_HEADERS|SECRET|PASSWORD|DATABASE_URL)$/;

const port = z.coerce.number().int().min(0).max(65_535);

/** Error messages name base URLs, so that no secret may stand in one. */
const baseUrl = z.string().superRefine((value, context) => {
  const message = baseUrlFault(value);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

/** As LiteLLM takes it: with its provider, or a bare name of OpenAI or Anthropic. */
const liteLlmModel = z
  .string()
  .regex(
    /^(?:[^/\s]+\/\S+|(?:gpt-|chatgpt-|o\d|claude-)[^/\s]*)$/,
    'write it as provider/model, such as ollama/llama3; only names that begin with gpt- or claude- may stand alone',
  );

const environment = z.object({
  RATCHET_HOME: z
    .string()
    .optional()
    .describe('the home folder, with model_select.json, ratchet.json and the data; the current folder unless set'),
  RATCHET_DATA_DIR: z.string().optional().describe('the data folder; .ratchet in the home folder'),
  RATCHET_DATASETS_DIR: z.string().optional().describe('where built dataset versions go; datasets in the home folder'),
  RATCHET_BASES_DIR: z.string().optional().describe('models that training starts from; bases in the data folder'),
  RATCHET_CACHE_DIR: z.string().optional().describe('what "ratchet setup" keeps, and compiled code; ~/.cache/ratchet'),
  RATCHET_SELECTION_FILE: z.string().optional().describe('the selected model; model_select.json in the home folder'),
  RATCHET_CATALOGUE_FILE: z
    .string()
    .optional()
    .describe('the models to select from; models_config.json in the home folder'),
  RATCHET_SETTINGS_FILE: z.string().optional().describe('what may be done with chats; ratchet.json in the home folder'),
  RATCHET_PROVIDERS_DIR: z.string().optional().describe('kinds of providers of your own; providers in the home folder'),
  RATCHET_RECIPES_DIR: z.string().optional().describe('recipes, one file each; recipes in the home folder'),
  RATCHET_TENSORBOARD_DIR: z
    .string()
    .optional()
    .describe('where every training writes a run for TensorBoard while it trains; none are unless it is set'),
  RATCHET_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('the address of the API, 127.0.0.1; another than loopback needs RATCHET_API_KEY'),
  RATCHET_PORT: port.default(7777).describe('the port of the API, 7777'),
  RATCHET_API_KEY: z
    .string()
    .min(16, 'use at least 16 characters')
    .optional()
    .describe('a key with every right, of at least 16 characters'),
  RATCHET_MODEL_PREFIX: z
    .string()
    .regex(/^[a-z0-9._-]*$/)
    .default('ratchet-')
    .describe('what the names of trained models begin with, ratchet-'),
  RATCHET_PYTHON: z
    .string()
    .optional()
    .describe('a Python with LitGPT, in place of the one that "ratchet setup" makes'),
  RATCHET_TEMPORAL: z
    .string()
    .optional()
    .describe('the Temporal program, in place of the one that "ratchet setup" finds'),
  RATCHET_OLLAMA: z.string().optional().describe('the Ollama program, in place of the one that "ratchet setup" finds'),
  RATCHET_CHROMIUM: z.string().optional().describe('a Chromium for the tests of the page'),
  RATCHET_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('trace, debug, info, warn, error or silent'),
  RATCHET_PROVIDER_IDLE_SECONDS: z.coerce
    .number()
    .min(0)
    .max(86_400)
    .default(900)
    .describe('a remote provider that sends nothing for so long, 900 s, is cut off; 0 is never'),
  RATCHET_GPU_HOST: z
    .string()
    .regex(/^[\w.-]{1,200}$/, 'use letters, digits, ".", "_" and "-"')
    .optional()
    .describe(
      'what the machine whose GPU training and local models share is called, its host name; say so in containers',
    ),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'use postgres://user@host/database')
    .optional()
    .describe('postgres://user@host/database, in place of SQLite in the data folder'),
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233').describe('where Temporal answers, 127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().default('ratchet').describe('the namespace in it, ratchet'),
  TEMPORAL_UI_PORT: port.default(8233).describe("the port of Temporal's page where Ratchet starts it, 8233"),
  LLM_MODEL: liteLlmModel
    .optional()
    .describe('the model that counts as active until one is selected: provider/model, as LiteLLM writes it'),
  LLM_FALLBACK_MODEL: liteLlmModel
    .optional()
    .describe('asked when another does not answer, where routing.fallback says nothing'),
  ...serverVariableShape,
  OLLAMA_BASE_URL: baseUrl.optional(),
  OLLAMA_API_BASE: baseUrl.optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: baseUrl.optional(),
  OPENAI_API_BASE: baseUrl.optional(),
  HF_ENDPOINT: baseUrl
    .optional()
    .describe('the hub that "ratchet bases add" fetches models from, https://huggingface.co; a mirror of it'),
  HF_TOKEN: z.string().optional().describe('a token for models of the hub that are not for everybody'),
  OTEL_SDK_DISABLED: z.string().default('false').describe('true: no traces, whatever else is set'),
  OTEL_TRACES_EXPORTER: z.string().default('otlp').describe('otlp, or none'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .optional()
    .describe('where traces are sent by OTLP over HTTP; none are unless it is set'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().optional().describe('the same, for traces alone'),
});

/** Everything that can be set, read once. Paths are absolute. */
export interface Config {
  home: string;
  dataDir: string;
  datasetsDir: string;
  /** Evaluation sets, `*.jsonl`, that nothing is learned from. */
  evalsDir: string;
  basesDir: string;
  cacheDir: string;
  selectionFile: string;
  catalogueFile: string;
  settingsFile: string;
  /** The user's own kinds of providers, one file each. */
  providersDir: string;
  /** The user's recipes, one file each. */
  recipesDir: string;
  /** Where trainings write runs for TensorBoard; null for nowhere. */
  tensorboardDir: string | null;
  /** Keys of providers that Ratchet keeps, readable by their owner only. */
  providerKeysFile: string;
  host: string;
  port: number;
  apiKey: string | null;
  modelPrefix: string;
  python: string | null;
  /** Programs to use instead of those on PATH or in the cache. */
  tools: { temporal: string | null; ollama: string | null; chromium: string | null };
  logLevel: string;
  databaseUrl: string | null;
  temporal: { address: string; namespace: string; uiPort: number };
  ollamaUrl: string;
  /** Where models to train are fetched from. */
  hub: { endpoint: string; token: string | null };
  /** Any variable of the environment or of `.env`, for what a kind of provider names itself. Undefined when it is empty. */
  variable: (name: string) => string | undefined;
  /** Where {@link Config.variable} has a variable from; null when nobody set it. */
  variableSource: (name: string) => VariableSource | null;
  /** What counts as selected until something is; as LiteLLM writes a model. */
  llmModel: string | null;
  /** What is asked after every model where `routing.fallback` says nothing; as LiteLLM writes a model. */
  llmFallbackModel: string | null;
  /** How long a remote provider may send nothing before it is cut off, in ms; 0 is for ever. */
  providerIdleMs: number;
  /** Names the machine whose GPU training and local models share. */
  gpuHost: string;
  /** Whether the standard `OTEL_…` variables ask for traces. */
  traces: boolean;
}

export type VariableSource = 'environment' | '.env';

/** Reads the environment (and `.env` of the home folder, which it ranks below); InvalidInput names every bad setting at once. */
export function loadConfig(overrides: Record<string, string | undefined> = {}): Config {
  const { config, faults } = readConfig(overrides);
  if (faults.length > 0) throw faultsError(faults);
  return config;
}

/** As {@link loadConfig}, but what is wrong is told beside the rest, for which the defaults stand in. */
export function readConfig(overrides: Record<string, string | undefined> = {}): {
  config: Config;
  faults: SettingFault[];
} {
  const given = definedOnly({ ...process.env, ...definedOnly(overrides) });
  const home = resolve(given.RATCHET_HOME ?? process.cwd());
  const file = readDotEnv(join(home, '.env'));
  const lines = withOllamaHost({ ...definedOnly(file.values), ...given });
  const sourceOf = (name: string): VariableSource | null => {
    if (Object.hasOwn(given, name)) return 'environment';
    if (!Object.hasOwn(lines, name)) return null;
    // What is nowhere comes from the one variable that others follow from.
    return Object.hasOwn(file.values, name) ? '.env' : sourceOf('OLLAMA_HOST');
  };
  const { env, faults } = checkVariables(lines, (name) => (sourceOf(name) === '.env' ? file.path : 'environment'));
  const variable = (name: string) => (Object.hasOwn(lines, name) ? lines[name] : undefined);
  const config = { ...resolveConfig(env, home), variable, variableSource: sourceOf };
  const open = openToAll(config);
  return { config, faults: [...file.faults, ...faults, ...(open ? [open] : [])] };
}

/** Where Ollama listens is where it is reached, as for its own programs, unless somebody says otherwise. */
function withOllamaHost(lines: Record<string, string>): Record<string, string> {
  const { OLLAMA_HOST: host } = lines;
  if (host === undefined || 'OLLAMA_BASE_URL' in lines || 'OLLAMA_API_BASE' in lines) return lines;
  return { ...lines, OLLAMA_BASE_URL: reachedAt(host) };
}

/** The variables that hold; of one that is bad, the default and what is wrong with it. */
function checkVariables(lines: Record<string, string>, fileOf: (name: string) => string) {
  const parsed = environment.safeParse(lines);
  if (parsed.success) return { env: parsed.data, faults: [] };
  const faults = parsed.error.issues.map(({ path, message }): SettingFault => {
    const place = path.join('.');
    return { level: 'fault', file: fileOf(place), place, message };
  });
  const bad = new Set(faults.map(({ place }) => place));
  const good = Object.fromEntries(Object.entries(lines).filter(([name]) => !bad.has(name)));
  return { env: environment.parse(good), faults };
}

function openToAll({ host, apiKey }: Config): SettingFault | null {
  if (isLoopback(host) || apiKey !== null) return null;
  const message = `it is ${host}: set RATCHET_API_KEY as well, so that only key holders get in`;
  return { level: 'fault', file: 'environment', place: 'RATCHET_HOST', message };
}

/** Hands the `OTEL_…` lines of the home folder's `.env` to OpenTelemetry, which reads nothing but the environment. */
export function exportOtelSettings({ home }: Pick<Config, 'home'>): void {
  for (const [name, value] of Object.entries(definedOnly(readDotEnv(join(home, '.env')).values))) {
    if (name.startsWith('OTEL_')) process.env[name] ??= value;
  }
}

function wantsTraces(env: z.infer<typeof environment>): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined || env.OTEL_SDK_DISABLED.toLowerCase() === 'true') return false;
  return env.OTEL_TRACES_EXPORTER.split(',').some((name) => name.trim() === 'otlp');
}

function resolveConfig(env: z.infer<typeof environment>, home: string): Omit<Config, 'variable' | 'variableSource'> {
  const dataDir = resolve(home, env.RATCHET_DATA_DIR ?? '.ratchet');
  return {
    home,
    dataDir,
    datasetsDir: resolve(home, env.RATCHET_DATASETS_DIR ?? 'datasets'),
    evalsDir: resolve(home, 'evals'),
    basesDir: resolve(home, env.RATCHET_BASES_DIR ?? join(dataDir, 'bases')),
    cacheDir: resolve(home, env.RATCHET_CACHE_DIR ?? defaultCacheDir()),
    selectionFile: resolve(home, env.RATCHET_SELECTION_FILE ?? 'model_select.json'),
    catalogueFile: resolve(home, env.RATCHET_CATALOGUE_FILE ?? 'models_config.json'),
    settingsFile: resolve(home, env.RATCHET_SETTINGS_FILE ?? 'ratchet.json'),
    providersDir: resolve(home, env.RATCHET_PROVIDERS_DIR ?? 'providers'),
    recipesDir: resolve(home, env.RATCHET_RECIPES_DIR ?? 'recipes'),
    tensorboardDir: env.RATCHET_TENSORBOARD_DIR === undefined ? null : resolve(home, env.RATCHET_TENSORBOARD_DIR),
    providerKeysFile: join(dataDir, 'provider-keys.json'),
    host: env.RATCHET_HOST,
    port: env.RATCHET_PORT,
    apiKey: env.RATCHET_API_KEY ?? null,
    modelPrefix: env.RATCHET_MODEL_PREFIX,
    python: env.RATCHET_PYTHON ?? null,
    tools: {
      temporal: env.RATCHET_TEMPORAL ?? null,
      ollama: env.RATCHET_OLLAMA ?? null,
      chromium: env.RATCHET_CHROMIUM ?? null,
    },
    logLevel: env.RATCHET_LOG_LEVEL,
    databaseUrl: env.DATABASE_URL ?? null,
    temporal: { address: env.TEMPORAL_ADDRESS, namespace: env.TEMPORAL_NAMESPACE, uiPort: env.TEMPORAL_UI_PORT },
    ollamaUrl: httpUrl(env.OLLAMA_BASE_URL ?? env.OLLAMA_API_BASE ?? 'http://127.0.0.1:11434'),
    hub: { endpoint: httpUrl(env.HF_ENDPOINT ?? 'https://huggingface.co'), token: env.HF_TOKEN ?? null },
    llmModel: env.LLM_MODEL ?? null,
    llmFallbackModel: env.LLM_FALLBACK_MODEL ?? null,
    providerIdleMs: env.RATCHET_PROVIDER_IDLE_SECONDS * 1_000,
    gpuHost: env.RATCHET_GPU_HOST ?? hostname(),
    traces: wantsTraces(env),
  };
}

/** One environment variable as it is in force. */
export interface ExplainedVariable {
  name: string;
  /** Of a secret only that it is set; null when there is none. */
  value: string | null;
  source: VariableSource | 'default';
}

/** Every variable that is understood, `further` ones as well, and where each comes from. */
export function explainVariables(
  { home, variable, variableSource }: Pick<Config, 'home' | 'variable' | 'variableSource'>,
  further: readonly string[] = [],
): ExplainedVariable[] {
  const defaults: Record<string, string | number | undefined> = { ...environment.parse({}), RATCHET_HOME: home };
  return [...new Set([...Object.keys(environment.shape), ...further])].map((name) => {
    const value = variable(name) ?? defaults[name]?.toString() ?? null;
    return { name, value: shownValue(name, value), source: variableSource(name) ?? 'default' };
  });
}

/** Every variable that is understood whatever kinds of providers there are, with what it is for. */
export function environmentVariables(): { name: string; about: string }[] {
  return Object.entries(environment.shape).map(([name, { description = '' }]) => ({ name, about: description }));
}

/** A variable's value as it may be shown: of a secret only that it is set. */
function shownValue(name: string, value: string | null): string | null {
  if (value === null) return null;
  return secretName.test(name) ? '(set)' : withoutLogin(value);
}

/** A URL without the name and password that may stand in it. */
function withoutLogin(value: string): string {
  return value.replace(/\/\/[^/@\s]*@/, '//(set)@');
}

/** Whether a host name means this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The environment that a child process gets: ours without secrets, plus what is named. */
export function childEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name, value]) => value !== undefined && !secretName.test(name));
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...extra };
}

/** The environment of Ratchet's own child processes: ours whole, with this configuration pinned down. */
export function ownEnvironment(config: Config): Record<string, string> {
  return {
    ...definedOnly(process.env),
    RATCHET_HOME: config.home,
    RATCHET_DATA_DIR: config.dataDir,
    RATCHET_DATASETS_DIR: config.datasetsDir,
    RATCHET_BASES_DIR: config.basesDir,
    RATCHET_CACHE_DIR: config.cacheDir,
    RATCHET_SELECTION_FILE: config.selectionFile,
    RATCHET_CATALOGUE_FILE: config.catalogueFile,
    RATCHET_SETTINGS_FILE: config.settingsFile,
    RATCHET_PROVIDERS_DIR: config.providersDir,
    RATCHET_RECIPES_DIR: config.recipesDir,
    RATCHET_HOST: config.host,
    RATCHET_PORT: String(config.port),
    RATCHET_MODEL_PREFIX: config.modelPrefix,
    RATCHET_LOG_LEVEL: config.logLevel,
    RATCHET_PROVIDER_IDLE_SECONDS: String(config.providerIdleMs / 1_000),
    RATCHET_GPU_HOST: config.gpuHost,
    ...definedOnly({
      RATCHET_PYTHON: config.python ?? undefined,
      RATCHET_TENSORBOARD_DIR: config.tensorboardDir ?? undefined,
      DATABASE_URL: config.databaseUrl ?? undefined,
    }),
    ...definedOnly({
      LLM_MODEL: config.llmModel ?? undefined,
      LLM_FALLBACK_MODEL: config.llmFallbackModel ?? undefined,
    }),
    TEMPORAL_ADDRESS: config.temporal.address,
    TEMPORAL_NAMESPACE: config.temporal.namespace,
    TEMPORAL_UI_PORT: String(config.temporal.uiPort),
    OLLAMA_BASE_URL: config.ollamaUrl,
  };
}

/** PATH as it is, for finding programs. */
export function searchPath(): string {
  return process.env.PATH ?? '';
}

function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ratchet');
}

/** As people write a URL, with a scheme, without a slash at its end, and never the address that means every one of this machine. */
export function httpUrl(value: string): string {
  const withScheme = /^https?:\/\//.test(value) ? value : `http://${value}`;
  return withScheme.replace(/\/+$/, '').replace('//0.0.0.0', '//127.0.0.1');
}

function definedOnly(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
}

function findPackageRoot(): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const root = [resolve(here, '..'), resolve(here, '..', '..')].find((folder) =>
    existsSync(join(folder, 'package.json')),
  );
  if (!root) throw new RatchetError('Bug', `package.json was not found above ${here}: install the package again.`);
  return root;
}
