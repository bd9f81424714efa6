import { isObject } from '../core/canonical.ts';
import { nearestNames } from '../core/nearest.ts';
import type { ProviderDefinition } from './definition.ts';
import { findKind } from './instances.ts';

/**
 * What is wrong with the names, kinds and options of providers in the text of `ratchet.json`, as it was parsed. A misspelt name would
 * otherwise be a provider that nobody asks, and what was said of it (keep nothing, send nothing) would hold for none.
 *
 * `others` are names that may be written although no kind has them, such as a file of the user's own that could not be read.
 */
export function kindFaults(
  value: unknown,
  definitions: readonly ProviderDefinition[],
  others: readonly string[] = [],
): string[] {
  const providers = isObject(value) && isObject(value.providers) ? value.providers : {};
  const ofNames = Object.entries(providers).flatMap(([name, said]) => {
    const kind = isObject(said) ? said.kind : undefined;
    if (typeof kind === 'string') {
      return findKind(kind, definitions) || others.includes(kind)
        ? []
        : [`providers.${name}.kind: there is no kind "${kind}": ${hint(kind, definitions)}`];
    }
    const found = findKind(name, definitions);
    if (kind !== undefined || found?.kind === name || others.includes(name)) return [];
    if (found) return [`providers.${name}: it is called "${found.kind}" here: write that`];
    if (!isMissed(name, said, definitions)) return [];
    return [
      `providers.${name}: there is no provider of that name: ${hint(name, definitions)}; one with a name of its own says its "kind"`,
    ];
  });
  return [...ofNames, ...optionFaults(value, definitions)];
}

/** What is wrong with the options of providers, and of their models, in the same text: each kind knows its own. */
function optionFaults(value: unknown, definitions: readonly ProviderDefinition[]): string[] {
  const { providers = null, models = null } = isObject(value) ? value : {};
  const kindOf = (name: string): ProviderDefinition | undefined => {
    const said = isObject(providers) ? providers[name] : undefined;
    const kind = isObject(said) && typeof said.kind === 'string' ? said.kind : name;
    return findKind(kind, definitions);
  };
  const check = (place: string, name: string, said: unknown): string[] => {
    const options = isObject(said) && isObject(said.options) ? said.options : {};
    const faults = kindOf(name)?.checkOptions?.(options) ?? [];
    return faults.map((fault) => `${place}.options.${fault}`);
  };
  const all = (section: unknown) => Object.entries(isObject(section) ? section : {});
  return [
    ...all(providers).flatMap(([name, said]) => check(`providers.${name}`, name, said)),
    ...all(models).flatMap(([ref, said]) => check(`models.${ref}`, ref.split('/')[0] ?? '', said)),
  ];
}

/** What is only said of recorded chats. */
const ofRecords: readonly string[] = ['record', 'train', 'egress', 'locality'];

/**
 * Whether a name that nobody has is a mistake: it is misspelt, or something is said that needs a provider. Otherwise it may be
 * one that is gone, whose chats are still here.
 */
function isMissed(name: string, said: unknown, definitions: readonly ProviderDefinition[]): boolean {
  const fields = isObject(said) ? Object.keys(said) : [];
  const known = definitions.map(({ kind }) => kind);
  return fields.some((field) => !ofRecords.includes(field)) || nearestNames(name, known, 1, 0.25).length > 0;
}

function hint(name: string, definitions: readonly ProviderDefinition[]): string {
  const known = definitions.map(({ kind }) => kind);
  const [nearest] = nearestNames(name, known, 1);
  return nearest === undefined ? `use one of ${known.join(', ')}` : `the nearest is "${nearest}"`;
}
