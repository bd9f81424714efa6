import { type Json, isObject } from '../../core/canonical.ts';
import type { ModelFacts } from '../../core/capabilities.ts';

/** What the Models API tells of one model; null when it tells nothing. */
export function factsOf(model: Json): ModelFacts | null {
  if (!isObject(model)) return null;
  const { capabilities, max_input_tokens: context } = model;
  const abilities: ModelFacts['abilities'] = {};
  const vision = supports(capabilities, 'image_input');
  if (vision !== undefined) abilities.vision = vision;
  return { abilities, ...(typeof context === 'number' && { context }) };
}

function supports(capabilities: Json | undefined, name: string): boolean | undefined {
  const found = isObject(capabilities) ? capabilities[name] : undefined;
  return isObject(found) && typeof found.supported === 'boolean' ? found.supported : undefined;
}
