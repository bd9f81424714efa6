import { type Draft, byStrength } from '../draft.ts';
import type { StageReport } from '../report.ts';

/** Of drafts with the same normalised prompt and answer only the strongest stays. */
export function dropDuplicates(drafts: readonly Draft[], stage: StageReport): Draft[] {
  // By prompt, of which most have one draft; names of prompt and answer together would be a million strings more.
  const best = new Map<string, Draft | Draft[]>();
  const find = ({ promptKey, kind, answerKey }: Draft): Draft | undefined =>
    [best.get(promptKey) ?? []].flat().find((other) => other.kind === kind && other.answerKey === answerKey);
  for (const draft of drafts) {
    const { promptKey } = draft;
    const there = best.get(promptKey);
    const rival = find(draft);
    if (!there) best.set(promptKey, draft);
    else if (!rival) best.set(promptKey, [there, draft].flat());
    else if (byStrength(draft, rival) < 0) {
      best.set(promptKey, Array.isArray(there) ? there.with(there.indexOf(rival), draft) : draft);
    }
  }
  return drafts.filter((draft) => {
    const kept = find(draft);
    if (kept === draft || !kept) return true;
    stage.drop(draft.id, 'duplicate', kept.id);
    return false;
  });
}

/** Where a prompt has been corrected, its approved answers go: a person wrote something better. */
export function dropOverruled(drafts: readonly Draft[], stage: StageReport): Draft[] {
  const corrected = new Map<string, Draft>();
  for (const draft of drafts) {
    if (draft.signal !== 'corrected') continue;
    const rival = corrected.get(draft.promptKey);
    if (!rival || byStrength(draft, rival) < 0) corrected.set(draft.promptKey, draft);
  }
  return drafts.filter((draft) => {
    const better = draft.signal === 'approved' ? corrected.get(draft.promptKey) : undefined;
    if (!better) return true;
    stage.drop(draft.id, 'overruled_by_correction', better.id);
    return false;
  });
}
