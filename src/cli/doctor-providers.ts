import type { Config } from '../config.ts';
import { asRatchetError } from '../core/errors.ts';
import type { Settings } from '../core/settings.ts';
import { type WantedModel, wantedModels } from '../core/wanted-models.ts';
import type { ProviderDefinition } from '../providers/definition.ts';
import { makeProvider, placeOf, planProviders } from '../providers/instances.ts';
import { createProviderKeys } from '../providers/keys.ts';
import type { Provider, ProviderHealth } from '../providers/types.ts';
import type { Check } from '../setup/check.ts';
import { type Endpoint, type EndpointReport, checkEndpoint } from '../setup/check-endpoint.ts';
import { splitAdvice } from './split-advice.ts';

export interface ProviderChecks {
  config: Config;
  settings: Settings;
  definitions: readonly ProviderDefinition[];
  /** The selected model as a ref; null when none is. */
  active: string | null;
}

/** How long one provider may take, in ms. */
const limitMs = 10_000;
/** A clock that is off by more than this is wrong, in ms. */
const skewMs = 2 * 60_000;

interface Looked {
  provider: Provider;
  endpoint: Endpoint;
  report: EndpointReport;
  health: ProviderHealth;
}

/** Every provider that is set up: whether it answers, with the right key, and has the models that are relied on. */
export async function checkProviders(options: ProviderChecks): Promise<Check[]> {
  const { config, settings, definitions } = options;
  const keys = createProviderKeys(config.providerKeysFile);
  const looked = await Promise.all(
    planProviders(settings, definitions).flatMap((planned) => {
      const provider = makeProvider(planned, { config, keys, definitions }, () => settings);
      if (setUpOf(provider) === 'missing') return [];
      const { baseUrl, setting } = placeOf(planned, config);
      return [look(provider, endpointOf(provider, baseUrl, setting))];
    }),
  );
  const here = looked.filter(({ provider, health }) => setUpOf(provider) === 'given' || health.state !== 'red');
  const checks = here.map(checkOf);
  const modelChecks = here.flatMap((one) => missingModels(one, wantedModels(settings, options.active)));
  for (const { provider } of looked) await provider.close?.();
  return [...checks, ...modelChecks, ...clockCheck(here)];
}

/** A file of keys that must not be read is told of elsewhere. */
function setUpOf(provider: Provider): 'given' | 'usual' | 'missing' {
  try {
    return provider.setUp().state;
  } catch {
    return 'missing';
  }
}

async function look(provider: Provider, endpoint: Endpoint): Promise<Looked> {
  const signal = AbortSignal.timeout(limitMs);
  const [report, health] = await Promise.all([checkEndpoint(endpoint), healthOf(provider, signal)]);
  return { provider, endpoint, report, health };
}

async function healthOf(provider: Provider, signal: AbortSignal): Promise<ProviderHealth> {
  try {
    return await provider.health({ signal });
  } catch (error) {
    return { state: 'red', reason: asRatchetError(error).message };
  }
}

function endpointOf({ name, kind, locality }: Provider, baseUrl: string, setting: string): Endpoint {
  const isOllama = kind === 'ollama';
  const url = isOllama ? baseUrl.replace(/\/v1$/, '') : baseUrl;
  const start = isOllama ? 'ollama serve' : `start ${name}, or correct ${setting}`;
  return {
    url,
    setting,
    path: isOllama ? '/api/version' : '/models',
    startHint: locality === 'local' ? start : `correct ${setting}`,
  };
}

function checkOf({ provider, endpoint, report, health }: Looked): Check {
  const { name } = provider;
  if (health.state === 'green')
    return { name: 'provider', state: 'ok', message: `${name}: ${health.reason}`, fix: null };
  const state = health.state === 'red' ? 'failed' : 'warning';
  // Who answers rightly all the same is where it is said to be.
  if (report.fault && health.state === 'red') {
    return { name: 'provider', state, message: `${name}: ${report.fault.message}`, fix: report.fault.fix };
  }
  const [message, fix] = splitAdvice(health.reason);
  return { name: 'provider', state, message: `${name}: ${message}`, fix: fix ?? `look at ${endpoint.url}` };
}

/** Vendors elsewhere serve more than they list; what is kept on this machine is there or not. */
function missingModels({ provider, health }: Looked, wanted: readonly WantedModel[]): Check[] {
  const { names } = health;
  if (!names || provider.locality !== 'local') return [];
  return wanted.flatMap(({ ref, by }) => {
    if (!ref.startsWith(`${provider.name}/`)) return [];
    const model = ref.slice(provider.name.length + 1);
    if (names.includes(model) || names.includes(`${model}:latest`)) return [];
    const fix = provider.kind === 'ollama' ? `ollama pull ${model}` : `name one of ${names.slice(0, 5).join(', ')}`;
    return [
      { name: 'model', state: 'failed', message: `${by} names ${ref}, and ${provider.name} does not have it`, fix },
    ];
  });
}

/** One server may be wrong about the time, and several that agree are not. */
function clockCheck(looked: readonly Looked[]): Check[] {
  const off = looked.flatMap(({ provider, report }) =>
    report.aheadMs !== null && Math.abs(report.aheadMs) > skewMs
      ? [{ name: provider.name, aheadMs: report.aheadMs }]
      : [],
  );
  const [first] = off;
  if (!first) return [];
  const minutes = Math.round(Math.abs(first.aheadMs) / 60_000);
  const message = `the clock of this machine is ${minutes} minutes ${first.aheadMs > 0 ? 'behind' : 'ahead of'} that of ${off.map(({ name }) => name).join(', ')}`;
  return [{ name: 'clock', state: 'warning', message, fix: 'sudo timedatectl set-ntp true' }];
}
