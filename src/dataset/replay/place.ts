import type { Texts } from '../draft.ts';
import { type Drafts, type Indexes, learn } from '../drafts.ts';
import type { Placing } from '../leak-check.ts';
import { pairsAcross } from '../near/across.ts';
import type { StageReport } from '../report.ts';
import { createContamination } from '../rows/decontaminate.ts';
import type { Splitting } from '../stages/split.ts';
import { mostReplayed } from './anchors.ts';

export interface PlaceReplay {
  drafts: Drafts;
  /** What people taught, in its splits. */
  taught: Placing;
  textsOf(draft: number): Texts;
  /** Shingles of a draft's document. */
  shinglesOf(draft: number): Uint32Array;
  splitOf: Splitting['splitOf'];
  stage: StageReport;
  share: number;
  /** From which similarity on two documents are one; null where only equal prompts are. */
  jaccard: number | null;
}

/** The place of `train` among `splits`. */
const train = 0;

/**
 * Lets into the training split what the base answered to prompts that nothing else is about: no prompt that people taught
 * another answer to, nothing that the held-out splits ask or that is nearly the same, no conversation that belongs there, and
 * no more than its share. What is replayed comes in the order in which it is taken.
 */
export function placeReplay(replayed: Indexes, options: PlaceReplay): Indexes {
  const { drafts, taught, stage, share } = options;
  const fault = createFaults(replayed, options);
  const fit = replayed.filter((draft) => {
    const found = fault(draft);
    if (found !== null) stage.drop(drafts.ids.of(draft), found.reason, found.of);
    return found === null;
  });
  const isLearned = (draft: number): boolean => drafts.kind[draft] === learn && taught.labels[draft] === train;
  const most = mostReplayed({ rows: fit.length, share }, taught.chosen.filter(isLearned).length);
  for (const draft of fit.subarray(most)) stage.dropDraft(draft, 'over_share');
  return fit.slice(0, most);
}

type Fault = { reason: string; of?: string } | null;

function createFaults(replayed: Indexes, options: PlaceReplay): (draft: number) => Fault {
  const { drafts, taught, textsOf, splitOf } = options;
  const { prompt } = drafts;
  const held = taught.chosen.filter((draft) => taught.labels[draft] !== train);
  const items = Array.from(held, (draft) => ({
    id: drafts.ids.of(draft),
    messages: textsOf(draft).messages.slice(0, -1),
  }));
  const contamination = createContamination(items);
  const near = nearHeld(replayed, held, options);
  const known = new Map(Array.from(taught.chosen, (draft) => [prompt[draft], draft]));
  const seen = new Set<number | undefined>();
  return (draft) => {
    const same = known.get(prompt[draft]);
    if (same !== undefined) {
      const reason = taught.labels[same] === train ? 'prompt_is_taught' : 'prompt_is_held_out';
      return { reason, of: drafts.ids.of(same) };
    }
    const { id, node } = drafts.draft(draft);
    // A prompt of nobody goes by the name of its row.
    if (node !== id && splitOf(node) !== 'train') return { reason: 'conversation_is_held_out' };
    const asked = contamination(textsOf(draft).messages) ?? near.get(draft);
    if (asked !== undefined) return { reason: 'in_held_out', of: asked };
    if (seen.has(prompt[draft])) return { reason: 'duplicate' };
    seen.add(prompt[draft]);
    return null;
  };
}

/** What of the held-out splits a replayed answer is nearly the same as, by its id; none is missed. */
function nearHeld(
  replayed: Indexes,
  held: Indexes,
  { drafts, jaccard, shinglesOf }: PlaceReplay,
): Map<number | undefined, string> {
  if (jaccard === null || held.length === 0) return new Map();
  const all = [...replayed, ...held];
  const labels = all.map((_, at) => (at < replayed.length ? 0 : 1));
  const pairs = pairsAcross({
    count: all.length,
    shinglesOf: (at) => shinglesOf(all[at] as number),
    labels,
    threshold: jaccard,
  });
  return new Map(pairs.map(({ a, b }) => [all[a], drafts.ids.of(all[b] as number)]));
}
