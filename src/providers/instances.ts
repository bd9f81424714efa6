import { type Config, isLoopback } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { type ProviderSettings, type Settings, defaultSettings } from '../core/settings.ts';
import type { ProviderDefinition, ProviderInstance } from './definition.ts';
import type { ProviderKeys } from './keys.ts';
import { kinds } from './kinds/all.ts';
import { openAiCompatible } from './openai.ts';
import type { Provider, SetUp } from './types.ts';

export interface InstancesOptions {
  config: Pick<Config, 'variable' | 'providerIdleMs'>;
  /** Keys that Ratchet keeps; they go before those of the environment. */
  keys?: ProviderKeys;
  settings?: Settings;
  /** Kinds of the user's own, beside ours. */
  definitions?: readonly ProviderDefinition[];
}

/** A provider that is to be made: its name, its kind, and what the settings say of it. */
interface Named {
  name: string;
  definition: ProviderDefinition;
  said: ProviderSettings;
}

/** Every provider that there can be: one for each kind, and those that the settings name. */
export function providersOf(options: InstancesOptions): Provider[] {
  return named(options).map((one) => {
    const instance = instanceOf(one, options);
    const { create = openAiCompatible } = one.definition;
    return create(instance);
  });
}

function named({ settings = defaultSettings, definitions = [] }: InstancesOptions): Named[] {
  const all = [...kinds, ...definitions];
  const own = new Set(all.map(({ kind }) => kind));
  const ofKinds = all.map((definition) => {
    return { name: definition.kind, definition, said: settings.providers.get(definition.kind) ?? {} };
  });
  const ofSettings = [...settings.providers].flatMap(([name, said]) => {
    if (own.has(name) || said.kind === undefined) return [];
    const definition = all.find(({ kind }) => kind === said.kind);
    if (definition) return [{ name, definition, said }];
    const known = all.map(({ kind }) => kind).join(', ');
    throw new RatchetError(
      'InvalidInput',
      `providers.${name}.kind: there is no kind "${said.kind}": use one of ${known}.`,
    );
  });
  return [...ofKinds, ...ofSettings].filter(({ said }) => said.enabled !== false);
}

function instanceOf({ name, definition, said }: Named, options: InstancesOptions): ProviderInstance {
  const { config, keys, settings = defaultSettings } = options;
  const first = (names: readonly string[] = []) => names.map(config.variable).find((value) => value !== undefined);
  const isOwn = name !== definition.kind;
  const givenUrl = said.baseUrl ?? (isOwn ? undefined : first(definition.baseUrlVariables));
  const baseUrl = cleanUrl(givenUrl ?? definition.baseUrl ?? 'http://127.0.0.1');
  const keyNames = said.apiKeyEnv === undefined ? (definition.apiKeyVariables ?? []) : [said.apiKeyEnv];
  const apiKey = () => keys?.get(name) ?? first(keyNames) ?? null;
  const keyHint = `set ${[keyNames[0] ?? `providers.${name}.api_key_env`, `or run "ratchet provider-key set ${name}"`].join(', ')}`;
  return {
    name,
    definition,
    baseUrl,
    apiKey,
    keyHint,
    setUp: () => setUpOf({ definition, givenUrl, hasKey: apiKey() !== null, keyHint, baseUrl }),
    // A model on this machine may think for as long as it likes.
    idleMs: isLoopback(new URL(baseUrl).hostname) ? 0 : config.providerIdleMs,
    options: (model) => ({
      ...said.options,
      ...(model !== undefined && settings.models.get(`${name}/${model}`)?.options),
    }),
    variable: config.variable,
  };
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
  if (hasKey || givenUrl !== undefined) return { state: 'given' };
  if (definition.needsKey || !isLoopback(new URL(baseUrl).hostname)) return { state: 'missing', hint: keyHint };
  return { state: 'usual' };
}

/** As people write it, with a scheme, and never the address that means every one of this machine. */
function cleanUrl(value: string): string {
  const withScheme = /^https?:\/\//.test(value) ? value : `http://${value}`;
  return withScheme.replace(/\/+$/, '').replace('//0.0.0.0', '//127.0.0.1');
}
