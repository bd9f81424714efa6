import type { Recipe } from '../../core/recipe.ts';
import { type Draft, byStrength } from '../draft.ts';
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
  drafts: readonly Draft[],
  stage: StageReport,
  caps: Caps,
  ofBase: ReadonlySet<string>,
): Draft[] {
  let left = perConversation(drafts, stage, caps.max_per_conversation);
  const share = (most: number | null, reason: string, groupOf: (draft: Draft) => string | null): void => {
    if (most !== null) left = withinShare(left, { most, groupOf, drop: (draft) => stage.drop(draft.id, reason) });
  };
  share(caps.max_same_base_share, 'over_same_base_share', ({ author }) => (ofBase.has(author) ? 'base' : null));
  share(caps.max_source_share, 'over_source_share', ({ author }) => (author === 'person' ? null : author));
  share(caps.max_topic_share, 'over_topic_share', ({ topic }) => topic);
  return atMost(left, caps.max_examples, (draft) => stage.drop(draft.id, 'over_max_examples'));
}

function perConversation(drafts: readonly Draft[], stage: StageReport, most: number | null): Draft[] {
  if (most === null) return [...drafts];
  const gone = new Set<Draft>();
  const learned = drafts.filter(({ kind }) => kind === 'learn');
  for (const some of Map.groupBy(learned, ({ node }) => node).values()) {
    for (const draft of some.sort(byStrength).slice(most)) gone.add(draft);
  }
  return drafts.filter((draft) => {
    if (!gone.has(draft)) return true;
    stage.drop(draft.id, 'over_max_per_conversation');
    return false;
  });
}

function atMost(drafts: readonly Draft[], most: number | null, drop: (draft: Draft) => void): Draft[] {
  if (most === null) return [...drafts];
  const learned = drafts.filter(({ kind }) => kind === 'learn').sort(byStrength);
  const gone = new Set(learned.slice(most));
  for (const draft of gone) drop(draft);
  return drafts.filter((draft) => !gone.has(draft));
}
