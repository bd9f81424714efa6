import { median, rounded } from '../statistics.ts';
import type { Claim } from '../types.ts';
import type { TrainerRun } from './run-trainer.ts';

export const sides = ['ours', 'litgpt', 'trl'] as const;
export type Side = (typeof sides)[number];

/** One round: each side once, at its best size. */
export type Round = Record<Side, Pick<TrainerRun, 'tokensPerSecond' | 'firstStep' | 'wall'>>;

/** The setting with which a side learned most tokens a second, the first of equals. Throws where none was tried. */
export function bestOf<T>(tried: ReadonlyMap<T, number>): T {
  const [first] = [...tried].sort(([, fast], [, faster]) => faster - fast);
  if (!first) throw new Error('No setting was tried.');
  return first[0];
}

/** Claims of the rounds; `warm` is the time to a first step in a Python that has imported everything. */
export function claimsOf(rounds: readonly Round[], warm: readonly number[]): Claim[] {
  const speed = (peer: Side, least: number): Claim => {
    const of = (side: Side) => median(rounds.map((round) => round[side].tokensPerSecond));
    const ratio = rounded(median(rounds.map((round) => round[peer].tokensPerSecond / round.ours.tokensPerSecond)));
    const target = rounded(1 / least);
    return {
      name: `learned tokens a second beside ${peer}; ${least} times as many are wanted`,
      ours: rounded(of('ours'), 1),
      peer: rounded(of(peer), 1),
      ratio,
      target: `at most ${target}`,
      holds: ratio <= target,
    };
  };
  return [speed('litgpt', 3), speed('trl', 1.5), ...firstSteps(rounds, warm)];
}

/** The claim of chats that all begin with the same instructions of so many words, of which nothing is wanted. */
export function instructedClaim(words: number, { ours, litgpt }: Record<'ours' | 'litgpt', number>): Claim {
  const name = `learned tokens a second where all chats begin with the same ${words} words, beside litgpt`;
  const ratio = rounded(litgpt / ours);
  return { name, ours: rounded(ours, 1), peer: rounded(litgpt, 1), ratio, target: 'none', holds: true };
}

function firstSteps(rounds: readonly Round[], warm: readonly number[]): Claim[] {
  const theirs = median(rounds.map(({ litgpt }) => litgpt.firstStep));
  const claim = (how: string, ours: number): Claim => {
    const ratio = rounded(ours / theirs);
    const name = `seconds to the end of the first step, ${how}, beside litgpt`;
    return { name, ours: rounded(ours), peer: rounded(theirs), ratio, target: 'at most 0.4', holds: ratio <= 0.4 };
  };
  return [
    claim('in a process of its own', median(rounds.map(({ ours }) => ours.firstStep))),
    claim('by the warm Python of a worker', median(warm)),
  ];
}

/** The claim of what checkpoints cost, by a run of ours that made some at the default interval. */
export function checkpointClaim({ lines, wall, firstStep }: Pick<TrainerRun, 'lines' | 'wall' | 'firstStep'>): Claim {
  const made = lines.filter(({ event }) => event === 'checkpoint').map(({ seconds }) => Number(seconds));
  if (made.length === 0) throw new Error('The run made no checkpoint.');
  const [ours, peer] = [made.reduce((sum, one) => sum + one, 0), wall - firstStep];
  const ratio = rounded(ours / peer, 4);
  const name = `seconds of ${made.length} checkpoints, beside all from the first step on`;
  return { name, ours: rounded(ours), peer: rounded(peer), ratio, target: 'at most 0.01', holds: ratio <= 0.01 };
}
