import type { Settings } from './settings.ts';

/** A model that the settings or the selection name, and where. */
export interface WantedModel {
  /** `provider/model`. */
  ref: string;
  /** As it goes into a sentence: `the selection`, `the route "work"`. */
  by: string;
}

/** Every model that somebody relies on by name, each once, the selected one first. */
export function wantedModels({ routes, aliases, routing }: Settings, active: string | null): WantedModel[] {
  const found: WantedModel[] = [];
  const want = (ref: string, by: string): void => {
    if (ref !== 'active' && !found.some((other) => other.ref === ref)) found.push({ ref, by });
  };
  if (active !== null) want(active, 'the selection');
  for (const [name, { model, deployments = [], fallback }] of routes) {
    for (const ref of [model, ...deployments.map((one) => one.model), ...fallback]) want(ref, `the route "${name}"`);
  }
  for (const [name, ref] of aliases) want(ref, `the alias "${name}"`);
  for (const ref of routing.fallback) want(ref, 'routing.fallback');
  if (routing.force?.includes('/')) want(routing.force, 'routing.force');
  return found;
}
