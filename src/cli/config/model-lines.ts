import { basename } from 'node:path';
import { abilities } from '../../core/capabilities.ts';
import { RatchetError } from '../../core/errors.ts';
import { nearestNames } from '../../core/nearest.ts';
import { type Said, inForce } from '../../core/ranked.ts';
import { createPrices } from '../../gateway/price.ts';
import type { ProviderDefinition } from '../../providers/definition.ts';
import { planProviders } from '../../providers/instances.ts';
import { kindNamed, libraryRef } from '../../providers/names.ts';
import type { Known } from './known.ts';
import { explainActive, priceValue } from './lines.ts';
import { type SettingLine, explainProvider, ofFile } from './provider-lines.ts';

/**
 * What a call to one model would get, by its ref, `active`, or another name of it. NotFound for a name that only its provider
 * could tell about: nobody is asked.
 */
export function modelLines(known: Known, asked: string): SettingLine[] {
  const ref = refOf(known, asked);
  const slash = ref.indexOf('/');
  const name = kindNamed(ref.slice(0, slash));
  const model = ref.slice(slash + 1);
  const planned = planProviders(known.settings, known.definitions).find((one) => one.name === name);
  if (slash < 1 || !planned) throw unknown(known, asked);
  const own = `${name}/${model}`;
  const ofProvider = Object.entries(explainProvider(planned, known)).filter(
    ([field]) => field !== 'limits' && !field.startsWith('options.'),
  );
  const locality = planned.said.locality ?? ofProvider.find(([field]) => field === 'locality')?.[1].value;
  return [
    { path: 'model', value: own, source: 'request', place: asked, over: [] },
    ...ofProvider.map(([path, explained]) => ({ path, ...explained })),
    ...limitLines(known, own),
    ...optionLines(known, own),
    ...factLines(known, own, planned.definition),
    priceLine(known, { name, locality: locality === 'local' ? 'local' : 'remote' }, model),
  ];
}

function refOf({ settings, catalogue, ...known }: Known, asked: string): string {
  const alias = settings.aliases.get(asked) ?? catalogue.find(({ names }) => names.includes(asked))?.ref ?? asked;
  const named = alias === 'active' ? explainActive({ settings, catalogue, ...known }).value : alias;
  if (named === null) throw new RatchetError('NotFound', 'No model is selected yet: run "ratchet models select".');
  return /^(?:gpt-|chatgpt-|claude-|o\d)[^/]*$|^litellm\//.test(named)
    ? libraryRef(named.replace(/^litellm\//, ''))
    : named;
}

function unknown({ settings, definitions, catalogue }: Known, asked: string): RatchetError {
  const names = [
    ...planProviders(settings, definitions).map(({ name }) => `${name}/`),
    ...settings.aliases.keys(),
    ...catalogue.map(({ name }) => name),
  ];
  const [nearest] = nearestNames(asked, names, 1);
  const hint = nearest === undefined ? '' : ` (the nearest name is ${nearest})`;
  return new RatchetError('NotFound', `"${asked}" does not name a provider${hint}: write it as "provider/model".`);
}

/** A model has its own limits beside those of its provider: both hold. */
function limitLines(known: Known, ref: string): SettingLine[] {
  const { settings } = known;
  const name = ref.slice(0, ref.indexOf('/'));
  const all = [
    ['limits', inForce([ofFile(known, 'model', 'models', ref)('limits', settings.models.get(ref)?.limits)], null)],
    [
      'provider limits',
      inForce([ofFile(known, 'provider', 'providers', name)('limits', settings.providers.get(name)?.limits)], null),
    ],
  ] as const;
  return all.flatMap(([path, explained]) => (explained.value === null ? [] : [{ path, ...explained }]));
}

/** Each option from where it is said first: the model's settings, then the provider's. */
function optionLines(known: Known, ref: string): SettingLine[] {
  const { settings } = known;
  const name = ref.slice(0, ref.indexOf('/'));
  const [ofModel, ofProvider] = [settings.models.get(ref)?.options ?? {}, settings.providers.get(name)?.options ?? {}];
  const own = ofFile(known, 'model', 'models', ref);
  const shared = ofFile(known, 'provider', 'providers', name);
  return [...new Set([...Object.keys(ofModel), ...Object.keys(ofProvider)])].map((option) => {
    const field = ['options', option];
    const said = [own<unknown>(field, ofModel[option]), shared<unknown>(field, ofProvider[option])];
    return { path: field.join('.'), ...inForce(said, null) };
  });
}

/** What is known of it without asking anybody: from the settings, else from its kind. */
function factLines(known: Known, ref: string, { title, facts }: ProviderDefinition): SettingLine[] {
  const own = ofFile(known, 'model', 'models', ref);
  const said = known.settings.models.get(ref)?.facts;
  const names = abilities.filter((name) => name in (said?.abilities ?? {}) || name in (facts?.abilities ?? {}));
  const ofKind = <T>(value: T | undefined): Said<T> => ({ rank: 'kind', place: title, value });
  const lines = names.map((name) => {
    const ranked = [own(['abilities', name], said?.abilities[name]), ofKind(facts?.abilities[name])];
    return { path: `abilities.${name}`, ...inForce<boolean | null>(ranked, null) };
  });
  const context = inForce<number | null>([own('context', said?.context), ofKind(facts?.context)], null);
  return context.value === null ? lines : [...lines, { path: 'context', ...context }];
}

function priceLine(known: Known, provider: { name: string; locality: 'local' | 'remote' }, model: string): SettingLine {
  const found = createPrices({ settings: () => known.settings, log: { warn: () => {} } }).find(provider, model);
  const value = found && priceValue(found.price);
  if (found?.source !== 'settings') return { path: 'price', ...inForce<object | null>([], value) };
  const place = `${basename(known.config.settingsFile)}: prices.${found.key}`;
  return { path: 'price', ...inForce<object | null>([{ rank: 'file', place, value: value ?? undefined }], null) };
}
