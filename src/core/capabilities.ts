/** What a model may or may not be able to do. `json`: answers that keep to JSON or a schema. */
export const abilities = ['chat', 'stream', 'tools', 'vision', 'json', 'embeddings'] as const;
export type Ability = (typeof abilities)[number];

/** What is known of a model. An ability that is absent is not known, and is never a reason to refuse. */
export interface ModelFacts {
  abilities: Partial<Record<Ability, boolean>>;
  /** The longest prompt and answer together, in tokens. */
  context?: number;
  /** Bytes on disk, of a model that is kept here. */
  size?: number;
}

/** What is known when several tell: for each fact, the first that knows it has the word. */
export function mergeFacts(ranked: readonly (ModelFacts | null | undefined)[]): ModelFacts {
  const merged: ModelFacts = { abilities: {} };
  for (const facts of ranked.toReversed()) {
    if (!facts) continue;
    Object.assign(merged.abilities, facts.abilities);
    if (facts.context !== undefined) merged.context = facts.context;
    if (facts.size !== undefined) merged.size = facts.size;
  }
  return merged;
}

/** Whether anything is known at all. */
export function knowsNothing({ abilities, context, size }: ModelFacts): boolean {
  return Object.keys(abilities).length === 0 && context === undefined && size === undefined;
}
