import { type Config, httpUrl, isLoopback } from '../config.ts';
import { type ProviderSettings, type Settings, defaultSettings } from '../core/settings.ts';
import type { LocalParts, ProviderDefinition, ProviderInstance } from './definition.ts';
import type { ProviderKeys } from './keys.ts';
import { kinds } from './kinds/all.ts';
import { openAiCompatible } from './openai.ts';
import type { Provider, SetUp } from './types.ts';

export interface InstancesOptions {
  config: Pick<Config, 'variable' | 'providerIdleMs'> & Partial<LocalParts>;
  /** Keys that Ratchet keeps; they go before those of the environment. */
  keys?: ProviderKeys;
  /** The kinds that there are; ours unless given. */
  definitions?: readonly ProviderDefinition[];
}

/** A provider that is to be made: its name, its kind, and what the settings say of it. */
export interface PlannedProvider {
  name: string;
  definition: ProviderDefinition;
  said: ProviderSettings;
}

/** Every provider that there can be: one for each kind, and those that the settings name. */
export function providersOf(options: InstancesOptions & { settings?: Settings }): Provider[] {
  const { settings = defaultSettings, ...rest } = options;
  return planProviders(settings, options.definitions).map((planned) => makeProvider(planned, rest, () => settings));
}

/** Which providers the settings come to. One whose kind there is not is left out: the report of settings tells of it. */
export function planProviders(settings: Settings, definitions = kinds): PlannedProvider[] {
  const own = new Set(definitions.map(({ kind }) => kind));
  const ofKinds = definitions.map((definition) => {
    return { name: definition.kind, definition, said: settings.providers.get(definition.kind) ?? {} };
  });
  const ofSettings = [...settings.providers].flatMap(([name, said]) => {
    const definition = own.has(name) || said.kind === undefined ? undefined : findKind(said.kind, definitions);
    return definition ? [{ name, definition, said }] : [];
  });
  return [...ofKinds, ...ofSettings].filter(({ said }) => said.enabled !== false);
}

/** The kind of a name, or of an alias; undefined when there is none. */
export function findKind(name: string, definitions: readonly ProviderDefinition[]): ProviderDefinition | undefined {
  return definitions.find(({ kind }) => kind === name) ?? definitions.find(({ aliases }) => aliases?.includes(name));
}

/** Makes one. What it is told of options is read from the settings each time. */
export function makeProvider(planned: PlannedProvider, options: InstancesOptions, settings: () => Settings): Provider {
  const { create = openAiCompatible } = planned.definition;
  return create(instanceOf(planned, options, settings));
}

function instanceOf(
  { name, definition, said }: PlannedProvider,
  { config, keys }: InstancesOptions,
  settings: () => Settings,
): ProviderInstance {
  const first = (names: readonly string[] = []) => names.map(config.variable).find((value) => value !== undefined);
  const { givenUrl, baseUrl } = placeOf({ name, definition, said }, config);
  const keyNames = said.apiKeyEnv === undefined ? (definition.apiKeyVariables ?? []) : [said.apiKeyEnv];
  const apiKey = () => keys?.get(name) ?? first(keyNames) ?? null;
  const keyHint = `set ${[keyNames[0] ?? `providers.${name}.api_key_env`, `or run "ratchet provider-key set ${name}"`].join(', ')}`;
  return {
    name,
    definition,
    baseUrl,
    isPlaced: givenUrl !== undefined,
    apiKey,
    keyHint,
    setUp: () => setUpOf({ definition, givenUrl, hasKey: apiKey() !== null, keyHint, baseUrl }),
    // A model on this machine may think for as long as it likes.
    idleMs: isLoopback(new URL(baseUrl).hostname) ? 0 : config.providerIdleMs,
    options: (model) => ({
      ...settings().providers.get(name)?.options,
      ...(model !== undefined && settings().models.get(`${name}/${model}`)?.options),
    }),
    named: () => [...settings().models.keys()].flatMap((ref) => modelOf(name, ref)),
    variable: config.variable,
    ...localOf(config),
  };
}

/** Where a provider is. */
export interface ProviderPlace {
  /** As somebody set it; undefined where nobody did. */
  givenUrl: string | undefined;
  /** Without a slash at its end. */
  baseUrl: string;
  /** What sets it: a variable, or a field of `ratchet.json`. */
  setting: string;
}

/** Where a planned provider is, and which setting says so, or would. */
export function placeOf(
  { name, definition, said }: PlannedProvider,
  config: InstancesOptions['config'],
): ProviderPlace {
  const variables = name === definition.kind ? (definition.baseUrlVariables ?? []) : [];
  const variable = variables.find((one) => config.variable(one) !== undefined);
  const givenUrl = said.baseUrl ?? (variable === undefined ? undefined : config.variable(variable));
  const field = `providers.${name}.base_url`;
  return {
    givenUrl,
    baseUrl: httpUrl(givenUrl ?? definition.baseUrl ?? 'http://127.0.0.1'),
    setting: said.baseUrl === undefined ? (variable ?? variables[0] ?? field) : field,
  };
}

function localOf({ python, home, dataDir, basesDir }: Partial<LocalParts>): { local?: LocalParts } {
  const known = python !== undefined && home !== undefined && dataDir !== undefined && basesDir !== undefined;
  return known ? { local: { python, home, dataDir, basesDir } } : {};
}

function modelOf(name: string, ref: string): string[] {
  return ref.startsWith(`${name}/`) ? [ref.slice(name.length + 1)] : [];
}

interface Found {
  definition: ProviderDefinition;
  givenUrl: string | undefined;
  hasKey: boolean;
  keyHint: string;
  baseUrl: string;
}

function setUpOf({ definition, givenUrl, hasKey, keyHint, baseUrl }: Found): SetUp {
  if (definition.baseUrl === null && givenUrl === undefined) {
    const [variable = `providers.${definition.kind}.base_url`] = definition.baseUrlVariables ?? [];
    return { state: 'missing', hint: `set ${variable} to where it is reached` };
  }
  if (definition.needsKey && !hasKey) return { state: 'missing', hint: keyHint };
  if (hasKey || givenUrl !== undefined) return { state: 'given' };
  if (!isLoopback(new URL(baseUrl).hostname)) return { state: 'missing', hint: keyHint };
  return { state: 'usual' };
}
