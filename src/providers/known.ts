import { isObject } from '../core/canonical.ts';
import { nearestNames } from '../core/nearest.ts';
import type { ProviderDefinition } from './definition.ts';
import { findKind } from './instances.ts';

/**
 * What is wrong with the names and kinds of providers in the text of `ratchet.json`, as it was parsed. A misspelt name would
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
  return Object.entries(providers).flatMap(([name, said]) => {
    const kind = isObject(said) ? said.kind : undefined;
    if (typeof kind === 'string') {
      return findKind(kind, definitions) || others.includes(kind)
        ? []
        : [`providers.${name}.kind: there is no kind "${kind}": ${hint(kind, definitions)}`];
    }
    const found = findKind(name, definitions);
    if (kind !== undefined || found?.kind === name || others.includes(name)) return [];
    if (found) return [`providers.${name}: it is called "${found.kind}" here: write that`];
    return [
      `providers.${name}: there is no provider of that name: ${hint(name, definitions)}; one with a name of its own says its "kind"`,
    ];
  });
}

function hint(name: string, definitions: readonly ProviderDefinition[]): string {
  const known = definitions.map(({ kind }) => kind);
  const [nearest] = nearestNames(name, known, 1);
  return nearest === undefined ? `use one of ${known.join(', ')}` : `the nearest is "${nearest}"`;
}
