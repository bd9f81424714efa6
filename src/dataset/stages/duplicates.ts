import { type Drafts, type Indexes, approved, byStrength, corrected, keepOf } from '../drafts.ts';
import type { StageReport } from '../report.ts';

const nobody = -1;

/** By prompt: not 0 for those that two drafts or more have. Of others nothing is said twice. */
export function sharedPrompts({ count, prompt, prompts }: Drafts): Uint8Array {
  const [seen, shared] = [new Uint8Array(prompts), new Uint8Array(prompts)];
  for (let draft = 0; draft < count; draft += 1) {
    const at = prompt[draft] as number;
    if (seen[at] === 0) seen[at] = 1;
    else shared[at] = 1;
  }
  return shared;
}

/** Of drafts with the same normalised prompt and answer only the strongest stays. */
export function dropDuplicates(
  input: Indexes,
  stage: StageReport,
  drafts: Drafts,
  shared: Uint8Array = sharedPrompts(drafts),
): Indexes {
  const { prompt, kind, answer, worse } = drafts;
  const stronger = byStrength(drafts);
  const saysTheSame = (a: number, b: number): boolean =>
    kind[a] === kind[b] && answer[a] === answer[b] && worse[a] === worse[b];
  // By prompt, of which most have one draft; further ones, that say something else, stand beside.
  const best = new Int32Array(drafts.prompts).fill(nobody);
  const others = new Map<number, number[]>();
  const rivalsOf = (draft: number): number[] => others.get(prompt[draft] as number) ?? [];
  const find = (draft: number): number => {
    const first = best[prompt[draft] as number] as number;
    if (first === nobody || saysTheSame(first, draft)) return first;
    return rivalsOf(draft).find((other) => saysTheSame(other, draft)) ?? nobody;
  };
  for (const draft of input) {
    const at = prompt[draft] as number;
    if (shared[at] === 0) continue;
    if (best[at] === nobody) {
      best[at] = draft;
      continue;
    }
    const rival = find(draft);
    if (rival === nobody) others.set(at, [...rivalsOf(draft), draft]);
    else if (stronger(draft, rival) >= 0) continue;
    else if (best[at] === rival) best[at] = draft;
    else {
      const exchanged = rivalsOf(draft).map((other) => (other === rival ? draft : other));
      others.set(at, exchanged);
    }
  }
  return keepOf(input, (draft) => {
    if (shared[prompt[draft] as number] === 0) return true;
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
  shared: Uint8Array = sharedPrompts(drafts),
): Indexes {
  const { prompt, signal } = drafts;
  const stronger = byStrength(drafts);
  const best = new Int32Array(drafts.prompts).fill(nobody);
  const isApproved = new Uint8Array(drafts.prompts);
  let isAny = false;
  for (const draft of input) {
    const at = prompt[draft] as number;
    if (shared[at] === 0) continue;
    if (signal[draft] === approved) isApproved[at] = 1;
    else if (signal[draft] === corrected) {
      const rival = best[at] as number;
      if (rival === nobody || stronger(draft, rival) < 0) best[at] = draft;
    } else continue;
    isAny ||= isApproved[at] === 1 && best[at] !== nobody;
  }
  if (!isAny) return input;
  return keepOf(input, (draft) => {
    const better = signal[draft] === approved ? (best[prompt[draft] as number] as number) : nobody;
    if (better === nobody) return true;
    stage.dropDraft(draft, 'overruled_by_correction', better);
    return false;
  });
}
