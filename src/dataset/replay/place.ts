import type { Draft, Texts } from '../draft.ts';
import type { Placed } from '../leak-check.ts';
import { pairsAcross } from '../near/across.ts';
import type { StageReport } from '../report.ts';
import { createContamination } from '../rows/decontaminate.ts';
import type { Splitting } from '../stages/split.ts';
import { mostReplayed } from './anchors.ts';

export interface PlaceReplay {
  /** What people taught, in its splits. */
  taught: readonly Placed[];
  textsOf(draft: Draft): Texts;
  /** Shingles of a draft's document. */
  shinglesOf(draft: Draft): Uint32Array;
  splitOf: Splitting['splitOf'];
  stage: StageReport;
  share: number;
  /** From which similarity on two documents are one; null where only equal prompts are. */
  jaccard: number | null;
}

/**
 * Lets into the training split what the base answered to prompts that nothing else is about: no prompt that people taught
 * another answer to, nothing that the held-out splits ask or that is nearly the same, no conversation that belongs there, and
 * no more than its share. `drafts` come in the order in which they are taken.
 */
export function placeReplay(drafts: readonly Draft[], options: PlaceReplay): Draft[] {
  const { taught, stage, share } = options;
  const fault = createFaults(drafts, options);
  const fit = drafts.filter((draft) => {
    const found = fault(draft);
    if (found !== null) stage.drop(draft.id, found.reason, found.of);
    return found === null;
  });
  const learned = taught.filter(({ draft, split }) => draft.kind === 'learn' && split === 'train').length;
  const most = mostReplayed({ rows: fit.length, share }, learned);
  for (const { id } of fit.slice(most)) stage.drop(id, 'over_share');
  return fit.slice(0, most);
}

type Fault = { reason: string; of?: string } | null;

function createFaults(drafts: readonly Draft[], options: PlaceReplay): (draft: Draft) => Fault {
  const { taught, textsOf, splitOf } = options;
  const held = taught.filter(({ split }) => split !== 'train');
  const items = held.map(({ draft: { id }, draft }) => ({ id, messages: textsOf(draft).messages.slice(0, -1) }));
  const contamination = createContamination(items);
  const near = nearHeld(drafts, held, options);
  const known = new Map(taught.map((placed) => [placed.draft.promptKey, placed]));
  const seen = new Set<number>();
  return (draft) => {
    const same = known.get(draft.promptKey);
    if (same) return { reason: same.split === 'train' ? 'prompt_is_taught' : 'prompt_is_held_out', of: same.draft.id };
    // A prompt of nobody goes by the name of its row.
    const isOfChat = draft.node !== draft.id;
    if (isOfChat && splitOf(draft.node) !== 'train') return { reason: 'conversation_is_held_out' };
    const asked = contamination(textsOf(draft).messages) ?? near.get(draft.id);
    if (asked !== undefined) return { reason: 'in_held_out', of: asked };
    if (seen.has(draft.promptKey)) return { reason: 'duplicate' };
    seen.add(draft.promptKey);
    return null;
  };
}

/** What of the held-out splits a draft is nearly the same as, by the ids of both; none is missed. */
function nearHeld(
  drafts: readonly Draft[],
  held: readonly Placed[],
  { jaccard, shinglesOf }: PlaceReplay,
): Map<string, string> {
  if (jaccard === null || held.length === 0) return new Map();
  const all = [...drafts, ...held.map(({ draft }) => draft)];
  const labels = all.map((_, at) => (at < drafts.length ? 0 : 1));
  const pairs = pairsAcross({
    count: all.length,
    shinglesOf: (at) => shinglesOf(all[at] as Draft),
    labels,
    threshold: jaccard,
  });
  return new Map(pairs.map(({ a, b }) => [all[a]?.id ?? '', all[b]?.id ?? '']));
}
