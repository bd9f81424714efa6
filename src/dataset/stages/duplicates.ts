import { type Draft, byStrength } from '../draft.ts';
import type { StageReport } from '../report.ts';

/** Of drafts with the same normalised prompt and answer only the strongest stays. */
export function dropDuplicates(drafts: readonly Draft[], stage: StageReport): Draft[] {
  const best = new Map<string, Draft>();
  const keyOf = ({ kind, promptKey, answerKey }: Draft): string => `${kind} ${promptKey} ${answerKey}`;
  for (const draft of drafts) {
    const key = keyOf(draft);
    const rival = best.get(key);
    if (!rival || byStrength(draft, rival) < 0) best.set(key, draft);
  }
  return drafts.filter((draft) => {
    const kept = best.get(keyOf(draft));
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
