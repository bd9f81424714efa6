import { type Drafts, type Indexes, approved, byStrength, corrected, keepOf } from '../drafts.ts';
import type { StageReport } from '../report.ts';

const nobody = -1;

/** By draft: not 0 for those whose prompt another has as well. Of other prompts nothing is said twice. */
export function sharingPrompt({ count, prompt, prompts }: Drafts): Uint8Array {
  const sharing = new Uint8Array(count);
  /** By prompt, one more than the first draft with it. */
  const first = new Uint32Array(prompts);
  for (let draft = 0; draft < count; draft += 1) {
    const at = prompt[draft] as number;
    const before = first[at] as number;
    if (before === 0) first[at] = draft + 1;
    else sharing[draft] = sharing[before - 1] = 1;
  }
  return sharing;
}

/** Of drafts with the same normalised prompt and answer only the strongest stays. */
export function dropDuplicates(
  input: Indexes,
  stage: StageReport,
  drafts: Drafts,
  sharing: Uint8Array = sharingPrompt(drafts),
): Indexes {
  const { prompt, kind, answer, worse } = drafts;
  const stronger = byStrength(drafts);
  const saysTheSame = (a: number, b: number): boolean =>
    kind[a] === kind[b] && answer[a] === answer[b] && worse[a] === worse[b];
  /** By prompt one more than a draft; further ones, that say something else, stand beside. */
  const best = new Uint32Array(drafts.prompts);
  const others = new Map<number, number[]>();
  const rivalsOf = (draft: number): number[] => others.get(prompt[draft] as number) ?? [];
  const find = (draft: number): number => {
    const first = (best[prompt[draft] as number] as number) - 1;
    if (first === nobody || saysTheSame(first, draft)) return first;
    return rivalsOf(draft).find((other) => saysTheSame(other, draft)) ?? nobody;
  };
  for (const draft of input) {
    if (sharing[draft] === 0) continue;
    const at = prompt[draft] as number;
    if (best[at] === 0) {
      best[at] = draft + 1;
      continue;
    }
    const rival = find(draft);
    if (rival === nobody) others.set(at, [...rivalsOf(draft), draft]);
    else if (stronger(draft, rival) >= 0) continue;
    else if (best[at] === rival + 1) best[at] = draft + 1;
    else {
      const exchanged = rivalsOf(draft).map((other) => (other === rival ? draft : other));
      others.set(at, exchanged);
    }
  }
  return keepOf(input, (draft) => {
    if (sharing[draft] === 0) return true;
    const kept = find(draft);
    if (kept === draft) return true;
    stage.dropDraft(draft, 'duplicate', kept);
    return false;
  });
}

/** Where a prompt has been corrected, its approved answers go: a person wrote something better. */
export function dropOverruled(
  input: Indexes,
  stage: StageReport,
  drafts: Drafts,
  sharing: Uint8Array = sharingPrompt(drafts),
): Indexes {
  const { prompt, signal } = drafts;
  const stronger = byStrength(drafts);
  /** By prompt one more than the strongest correction. */
  const best = new Uint32Array(drafts.prompts);
  const isApproved = new Uint8Array(drafts.prompts);
  let isAny = false;
  for (const draft of input) {
    if (sharing[draft] === 0) continue;
    const at = prompt[draft] as number;
    if (signal[draft] === approved) isApproved[at] = 1;
    else if (signal[draft] === corrected) {
      const rival = (best[at] as number) - 1;
      if (rival === nobody || stronger(draft, rival) < 0) best[at] = draft + 1;
    } else continue;
    isAny ||= isApproved[at] === 1 && best[at] !== 0;
  }
  if (!isAny) return input;
  return keepOf(input, (draft) => {
    if (sharing[draft] === 0 || signal[draft] !== approved) return true;
    const better = (best[prompt[draft] as number] as number) - 1;
    if (better === nobody) return true;
    stage.dropDraft(draft, 'overruled_by_correction', better);
    return false;
  });
}
