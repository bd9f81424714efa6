import { join } from 'node:path';
import { type Config, explainVariables } from '../config.ts';
import { asRatchetError } from '../core/errors.ts';
import { nearestNames } from '../core/nearest.ts';
import { type SettingFault, faultsIn } from '../core/setting-fault.ts';
import { baseUrlFault, keyFault } from '../core/setting-checks.ts';
import { type Settings, type SettingsCheck, defaultSettings } from '../core/settings.ts';
import { readDotEnv } from '../dot-env.ts';
import { readCatalogue } from '../models/catalogue.ts';
import { type SelectionFile, readSelectionNow } from '../models/selection.ts';
import type { ProviderDefinition } from '../providers/definition.ts';
import { providersOf } from '../providers/instances.ts';
import { readProviderKeys } from '../providers/keys.ts';
import { kinds } from '../providers/kinds/all.ts';
import { kindFaults } from '../providers/known.ts';
import { libraryRef } from '../providers/names.ts';
import { type OwnProviders, noOwnProviders } from '../providers/own.ts';
import { createRegistry } from '../providers/registry.ts';
import { createSettings } from '../settings.ts';
import { ollamaServerFaults } from './ollama-server.ts';
import { providerVariables } from './variables.ts';

export interface FaultsOptions {
  config: Config;
  /** What {@link readConfig} found already. */
  faults: readonly SettingFault[];
  /** What the files of the user's own define; nothing unless given. */
  own?: OwnProviders;
}

/**
 * Every setting that is not as it should be, wherever it stands: environment, `.env`, `ratchet.json`, `models_config.json`,
 * `model_select.json`, kept keys. Nobody is asked for it, and nothing is changed.
 */
export function findSettingFaults({ config, faults, own = noOwnProviders }: FaultsOptions): SettingFault[] {
  const definitions = [...kinds, ...own.definitions];
  const ofVariables = variableFaults(config, definitions).filter(
    ({ place }) => !faults.some((known) => known.place === place),
  );
  const { settings, ofSettings } = readSettings(config, (value) => kindFaults(value, definitions, own.unread));
  const sound = faults.length + ofVariables.length === 0;
  return [
    ...faults,
    ...ofVariables,
    ...ollamaServerFaults(config),
    ...unreadVariables(config, definitions),
    ...ofSettings,
    ...own.faults,
    ...fileFaults(config.catalogueFile, (file) => void readCatalogue(file)),
    ...selectionFaults(config),
    ...fileFaults(config.providerKeysFile, (file) => void readProviderKeys(file)),
    ...(sound ? modelFaults(config, settings, definitions) : []),
  ];
}

function variableFaults(config: Config, definitions: readonly ProviderDefinition[]): SettingFault[] {
  const check = (faultOf: (value: string) => string | null) => (name: string) => {
    const value = config.variable(name);
    const message = value === undefined ? null : faultOf(value);
    return message === null ? [] : [{ level: 'fault' as const, file: fileOf(config, name), place: name, message }];
  };
  const found = definitions.flatMap(({ baseUrlVariables = [], apiKeyVariables = [] }) => [
    ...baseUrlVariables.flatMap(check(baseUrlFault)),
    ...apiKeyVariables.flatMap(check(keyFault)),
  ]);
  return found.filter(({ place }, at) => found.findIndex((one) => one.place === place) === at);
}

function fileOf(config: Config, name: string): string {
  return config.variableSource(name) === '.env' ? join(config.home, '.env') : 'environment';
}

/** Variables of `.env` that nobody reads, where they look like one that is read. */
function unreadVariables(config: Config, definitions: readonly ProviderDefinition[]): SettingFault[] {
  const file = join(config.home, '.env');
  const known = explainVariables(
    config,
    providerVariables(definitions).map(({ name }) => name),
  ).map(({ name }) => name);
  return Object.keys(readDotEnv(file).values).flatMap((name) => {
    if (known.includes(name) || !/^(?:RATCHET|LLM)_|_(?:KEY|TOKEN|URL|BASE)$/.test(name)) return [];
    const alike = known.filter((one) => one.split('_')[0] === name.split('_')[0]);
    const [nearest] = nearestNames(name, alike, 1);
    if (nearest === undefined) return [];
    return [{ level: 'warning' as const, file, place: name, message: `nothing reads it; ${nearest} is read` }];
  });
}

function readSettings(config: Config, check: SettingsCheck): { settings: Settings; ofSettings: SettingFault[] } {
  const log = { info: () => {}, warn: () => {} };
  let settings = defaultSettings;
  const ofSettings = fileFaults(config.settingsFile, (file) => {
    settings = createSettings({ file, log, check }).current();
  });
  return { settings, ofSettings };
}

function selectionFaults(config: Config): SettingFault[] {
  const { selectionFile: file } = config;
  let found: SelectionFile | null = null;
  const faults = fileFaults(file, () => {
    found = readSelectionNow(file);
  });
  const { selection, apiKey } = (found as SelectionFile | null) ?? {};
  const name = selection?.apiKeyEnv;
  if (name === undefined || apiKey !== null || config.variable(name) !== undefined) return faults;
  return [{ level: 'warning', file, place: 'api_key_env', message: `set the variable ${name}, which holds the key` }];
}

/** Whose models the environment names. */
function modelFaults(config: Config, settings: Settings, definitions: readonly ProviderDefinition[]): SettingFault[] {
  const registry = createRegistry(providersOf({ config, settings, definitions }), definitions);
  const models = { LLM_MODEL: config.llmModel, LLM_FALLBACK_MODEL: config.llmFallbackModel };
  return Object.entries(models).flatMap(([place, model]): SettingFault[] => {
    if (model === null) return [];
    const file = fileOf(config, place);
    const target = registry.split(libraryRef(model));
    if (!target) {
      const known = registry.providers.map(({ name }) => name).join(', ');
      return [{ level: 'fault', file, place, message: `there is no such provider: use one of ${known}` }];
    }
    const setUp = target.provider.setUp();
    if (setUp.state !== 'missing' || target.apiKey !== undefined) return [];
    const hasKey = safely(() => readProviderKeys(config.providerKeysFile).has(target.provider.name)) ?? false;
    if (hasKey) return [];
    return [{ level: 'warning', file, place, message: `${target.provider.name} cannot be asked yet: ${setUp.hint}` }];
  });
}

/** What is wrong with one file, from the error that reading it throws. */
function fileFaults(file: string, read: (file: string) => void): SettingFault[] {
  try {
    read(file);
    return [];
  } catch (error) {
    const places = faultsIn(error)?.map(placeAndMessage) ?? [{ place: '', message: withoutFile(error, file) }];
    return places.map((fault) => ({ level: 'fault', file, ...fault }));
  }
}

/** A fault of a file as it tells it: `routes.r.model: write …`. */
function placeAndMessage(fault: string): { place: string; message: string } {
  const at = /^[^\s:]+(?=: )/.exec(fault)?.[0];
  return at === undefined ? { place: '', message: fault } : { place: at, message: fault.slice(at.length + 2) };
}

function withoutFile(error: unknown, file: string): string {
  const { message } = asRatchetError(error);
  return message.replace(`${file} `, '').replace(/\.$/, '');
}

function safely<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
