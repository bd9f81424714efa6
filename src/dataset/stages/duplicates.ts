import { type Draft, byStrength } from '../draft.ts';
import type { StageReport } from '../report.ts';

/** Of drafts with the same normalised prompt and answer only the strongest stays. */
export function dropDuplicates(drafts: readonly Draft[], stage: StageReport): Draft[] {
  // By prompt, of which most have one draft.
  const best: (Draft | Draft[] | undefined)[] = [];
  const find = (draft: Draft): Draft | undefined => {
    const there = best[draft.promptKey];
    if (Array.isArray(there)) return there.find((other) => saysTheSame(other, draft));
    return there && saysTheSame(there, draft) ? there : undefined;
  };
  for (const draft of drafts) {
    const { promptKey } = draft;
    const there = best[promptKey];
    const rival = there && find(draft);
    if (!there) best[promptKey] = draft;
    else if (!rival) best[promptKey] = [there, draft].flat();
    else if (byStrength(draft, rival) < 0) {
      best[promptKey] = Array.isArray(there) ? there.with(there.indexOf(rival), draft) : draft;
    }
  }
  return drafts.filter((draft) => {
    const kept = find(draft);
    if (kept === draft || !kept) return true;
    stage.drop(draft.id, 'duplicate', kept.id);
    return false;
  });
}

function saysTheSame(one: Draft, other: Draft): boolean {
  return one.kind === other.kind && one.answerKey === other.answerKey && one.worseKey === other.worseKey;
}

/** Where a prompt has been corrected, its approved answers go: a person wrote something better. */
export function dropOverruled(drafts: readonly Draft[], stage: StageReport): Draft[] {
  const corrected: (Draft | undefined)[] = [];
  for (const draft of drafts) {
    if (draft.signal !== 'corrected') continue;
    const rival = corrected[draft.promptKey];
    if (!rival || byStrength(draft, rival) < 0) corrected[draft.promptKey] = draft;
  }
  return drafts.filter((draft) => {
    const better = draft.signal === 'approved' ? corrected[draft.promptKey] : undefined;
    if (!better) return true;
    stage.drop(draft.id, 'overruled_by_correction', better.id);
    return false;
  });
}
