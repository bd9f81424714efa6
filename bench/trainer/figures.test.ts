import { expect, test } from 'vitest';
import { bestOf, checkpointClaim, claimsOf, instructedClaim } from './figures.ts';

const run = (tokensPerSecond: number, firstStep: number) => ({ tokensPerSecond, firstStep, wall: 1 });

test('the fastest setting is the best, and the first of two that are as fast', () => {
  const tried: [number, number][] = [
    [8, 90],
    [2, 120],
    [4, 120],
  ];
  expect(bestOf(new Map(tried))).toBe(2);
});

test('ratios are of the rounds, and claims hold up to their targets', () => {
  const rounds = [
    { ours: run(300, 4), litgpt: run(100, 10), trl: run(250, 9) },
    { ours: run(330, 5), litgpt: run(100, 11), trl: run(220, 9) },
  ];
  const [litgpt, trl, cold, warm] = claimsOf(rounds, [0.5, 0.7]);
  expect(litgpt).toMatchObject({ ours: 315, peer: 100, ratio: 0.318, target: 'at most 0.333', holds: true });
  expect(trl).toMatchObject({ ratio: 0.75, holds: false });
  expect(cold).toMatchObject({ ours: 4.5, peer: 10.5, ratio: 0.429, holds: false });
  expect(warm).toMatchObject({ ours: 0.6, ratio: 0.057, holds: true });
});

test('checkpoints are compared with all the time of training', () => {
  const lines = [{ event: 'checkpoint', seconds: 0.2 }, { event: 'data' }, { event: 'checkpoint', seconds: 0.3 }];
  expect(checkpointClaim({ lines, wall: 62, firstStep: 2 })).toMatchObject({ ours: 0.5, ratio: 0.0083, holds: true });
  expect(() => checkpointClaim({ lines: [], wall: 62, firstStep: 2 })).toThrow('no checkpoint');
});

test('of chats with instructions nothing is wanted', () => {
  expect(instructedClaim(150, { ours: 800, litgpt: 240 })).toMatchObject({
    ours: 800,
    peer: 240,
    ratio: 0.3,
    target: 'none',
  });
});
