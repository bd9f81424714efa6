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
