import { basename } from 'node:path';
import { explainVariables } from '../../config.ts';
import { type Explained, inForce } from '../../core/ranked.ts';
import type { Price } from '../../core/settings.ts';
import { createPrices } from '../../gateway/price.ts';
import { type Selection, selectionRef } from '../../models/selection.ts';
import { planProviders } from '../../providers/instances.ts';
import { libraryRef } from '../../providers/names.ts';
import { providerVariables } from '../../workspace/variables.ts';
import { type Known, isWritten } from './known.ts';
import { type SettingLine, explainProvider, ofFile, ofVariable, providerLines } from './provider-lines.ts';

/** Every setting that is in force. Of secrets only that they are set. */
export function settingLines(known: Known): SettingLine[] {
  return [
    { path: 'active', ...explainActive(known) },
    ...routingLines(known),
    ...providerLines(known),
    ...partLines(known),
    ...priceLines(known),
    ...catalogueLines(known),
    ...variableLines(known),
  ];
}

/** What counts as selected, as a model ref. */
export function explainActive(known: Known): Explained<string | null> {
  const { config, selection } = known;
  const { value, ...where } = ofVariable(known, 'LLM_MODEL');
  const file = basename(config.selectionFile);
  return inForce<string | null>(
    [
      { rank: 'file', place: file, value: selection ? meantBy(selection.selection, known) : undefined },
      { ...where, value: value === undefined ? undefined : libraryRef(value) },
    ],
    null,
  );
}

/** With a proxy that somebody named, LiteLLM's models are the proxy's; else the library's. */
function meantBy(selection: Selection, known: Known): string {
  const proxy = planProviders(known.settings, known.definitions).find(({ name }) => name === 'litellm');
  const isNamed = proxy !== undefined && explainProvider(proxy, known)['base_url']?.source !== 'kind';
  return selection.provider === 'litellm' && isNamed ? `litellm/${selection.model}` : selectionRef(selection);
}

function routingLines(known: Known): SettingLine[] {
  const { force, retries, fallback, egress, breaker } = known.settings.routing;
  const file = ofFile(known, 'file', 'routing');
  const ofFallback = ofVariable(known, 'LLM_FALLBACK_MODEL');
  return [
    { path: 'routing.force', ...inForce<string | null>([file('force', force)], force) },
    { path: 'routing.retries', ...inForce([file('retries', retries)], retries) },
    {
      path: 'routing.fallback',
      ...inForce(
        [file('fallback', fallback), { ...ofFallback, value: ofFallback.value === undefined ? undefined : fallback }],
        fallback,
      ),
    },
    { path: 'routing.egress', ...inForce<string>([file('egress', egress)], egress) },
    { path: 'routing.breaker', ...inForce<object>([file('breaker', breaker)], breaker) },
  ];
}

/** What only the settings file says: routes, aliases, models, retention, the GPU. */
function partLines(known: Known): SettingLine[] {
  const { settings } = known;
  const lines = (part: string, name: string, fields: object): SettingLine[] =>
    Object.entries(fields).flatMap(([field, value]: [string, unknown]) => {
      if (value === undefined) return [];
      const said = ofFile(known, part === 'models' ? 'model' : 'file', part, name);
      return [{ path: `${part}.${name}.${field}`, ...inForce<unknown>([said(field, value)], value) }];
    });
  const { days } = settings.retention;
  const { lease, waitSeconds, needGb, cpuGb } = settings.gpu;
  return [
    ...[...settings.routes].flatMap(([name, route]) => lines('routes', name, route)),
    ...[...settings.aliases].map(([name, ref]) => {
      return { path: `aliases.${name}`, ...inForce([ofFile(known, 'file', 'aliases')(name, ref)], ref) };
    }),
    ...[...settings.models].flatMap(([ref, { facts, ...rest }]) => {
      const { abilities, context } = facts;
      const told = Object.keys(abilities).length > 0 ? abilities : undefined;
      return lines('models', ref, { ...rest, abilities: told, context });
    }),
    { path: 'retention.days', ...inForce<number | null>([ofFile(known, 'file', 'retention')('days', days)], days) },
    ...Object.entries({ lease, wait_seconds: waitSeconds, need_gb: needGb, cpu_gb: cpuGb }).map(([field, value]) => {
      const said = ofFile(known, 'file', 'gpu')(field, value);
      return { path: `gpu.${field}`, ...inForce<unknown>([said], value) };
    }),
  ];
}

function priceLines(known: Known): SettingLine[] {
  const prices = createPrices({ settings: () => known.settings, log: { warn: () => {} } });
  return prices.list().map(({ key, price }) => {
    const file = basename(known.config.settingsFile);
    const place = `${file}: prices.${key}`;
    const value = isWritten(known, 'prices', key) ? priceValue(price) : undefined;
    return { path: `prices.${key}`, ...inForce<object>([{ rank: 'file', place, value }], priceValue(price)) };
  });
}

/** A price as it stands in the file. */
export function priceValue({ input, output, cachedInput }: Price): object {
  return { input, output, ...(cachedInput !== undefined && { cached_input: cachedInput }) };
}

function catalogueLines({ catalogue, config }: Known): SettingLine[] {
  const place = basename(config.catalogueFile);
  return catalogue.map(({ name, ref }) => ({ path: `catalogue.${name}`, value: ref, source: 'file', place, over: [] }));
}

function variableLines({ config, definitions }: Known): SettingLine[] {
  return explainVariables(
    config,
    providerVariables(definitions).map(({ name }) => name),
  ).map(({ name, value, source }) => ({
    path: name,
    value,
    source: source === 'default' ? 'default' : 'environment',
    place: source === 'default' ? '' : source,
    over: [],
  }));
}
