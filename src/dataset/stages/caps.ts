import type { Recipe } from '../../core/recipe.ts';
import { type Drafts, type Indexes, byStrength, keepOf, learn } from '../drafts.ts';
import type { StageReport } from '../report.ts';
import { withinShare } from './share.ts';

type Caps = Pick<
  Recipe['build'],
  'max_examples' | 'max_per_conversation' | 'max_same_base_share' | 'max_source_share' | 'max_topic_share'
>;

/**
 * Keeps the weight of any one conversation, model or topic, and of the base's own models, within bounds, and the whole within
 * `max_examples`. The weakest go first. Only answers that are learned count.
 */
export function keepBalance(
  input: Indexes,
  stage: StageReport,
  drafts: Drafts,
  { caps, ofBase }: { caps: Caps; ofBase: ReadonlySet<string> },
): Indexes {
  const { author, authors, topic, topics } = drafts;
  const dropAs =
    (reason: string) =>
    (draft: number): void =>
      stage.dropDraft(draft, reason);
  const authorOf = (draft: number): string => authors.nameOf(author[draft] as number);
  let left = perConversation(input, drafts, caps.max_per_conversation, dropAs('over_max_per_conversation'));
  const share = (most: number | null, reason: string, groupOf: (draft: number) => string | null): void => {
    if (most !== null) left = withinShare(left, drafts, { most, groupOf, drop: dropAs(reason) });
  };
  share(caps.max_same_base_share, 'over_same_base_share', (draft) => (ofBase.has(authorOf(draft)) ? 'base' : null));
  share(caps.max_source_share, 'over_source_share', (draft) => (authorOf(draft) === 'person' ? null : authorOf(draft)));
  share(caps.max_topic_share, 'over_topic_share', (draft) => topics.nameOf(topic[draft] as number) || null);
  return atMost(left, drafts, caps.max_examples, dropAs('over_max_examples'));
}

type Drop = (draft: number) => void;

function perConversation(input: Indexes, drafts: Drafts, most: number | null, drop: Drop): Indexes {
  if (most === null) return input;
  const gone = new Set<number>();
  for (const some of Map.groupBy(learned(input, drafts), (draft) => drafts.node[draft]).values()) {
    for (const draft of some.sort(byStrength(drafts)).slice(most)) gone.add(draft);
  }
  return keepOf(input, (draft) => {
    if (!gone.has(draft)) return true;
    drop(draft);
    return false;
  });
}

function atMost(input: Indexes, drafts: Drafts, most: number | null, drop: Drop): Indexes {
  if (most === null) return input;
  const gone = new Set(learned(input, drafts).sort(byStrength(drafts)).slice(most));
  for (const draft of gone) drop(draft);
  return keepOf(input, (draft) => !gone.has(draft));
}

function learned(input: Indexes, { kind }: Drafts): Indexes {
  return keepOf(input, (draft) => kind[draft] === learn);
}
