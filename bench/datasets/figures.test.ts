import { expect, test } from 'vitest';
import { type Measured, type Planned, type Round, claimsOf, clockOf, tableOf } from './figures.ts';

const measured = (seconds: number, recall = 0.99, wrong = 0): Measured => {
  return { seconds, signing: seconds / 2, wall: 2 * seconds, recall, recall90: 1, wrong };
};

function roundOf(ours: Measured, datasketch = 10, datatrove = 3): Round {
  const of = { ours, datasketch: measured(datasketch), datatrove: measured(datatrove, 0.99, 7), rensa: measured(2) };
  return { texts: 1000, of };
}

const planned: Planned[] = [
  { name: 'J = 0.8', pairs: 1000, joined: 985, wrong: 0, least: 0.97 },
  { name: 'J = 0.798', pairs: 1000, joined: 0, wrong: 0, least: null },
];

const holding = (rounds: Round[], plans = planned) => claimsOf(rounds, plans).map(({ holds }) => holds);

test('a claim is the median of the rounds, and all hold where each target is met', () => {
  const rounds = [roundOf(measured(0.9)), roundOf(measured(0.5)), roundOf(measured(1.5))];
  const [datasketch, datatrove, equal, , recall] = claimsOf(rounds, planned);
  expect(datasketch).toMatchObject({ ours: 900, peer: 10_000, ratio: 0.09, holds: true });
  expect(datatrove).toMatchObject({ ours: 900, peer: 3000, ratio: 0.3, holds: true });
  expect(equal).toMatchObject({ ours: 0.99, peer: 0.99, ratio: null, holds: true });
  expect(recall).toMatchObject({ ours: 0.985, peer: null, ratio: null, holds: true });
  expect(holding(rounds)).toEqual([true, true, true, true, true, true, true]);
});

test.each([
  ['ours is too slow for the first target', roundOf(measured(1.01)), [false, false, true, true, true, true, true]],
  ['ours is fast because it finds less', roundOf(measured(0.5, 0.98)), [false, false, false, false, true, true, true]],
  ['ours joins what is not alike', roundOf(measured(0.5, 0.99, 1)), [true, true, true, true, true, true, false]],
])('where %s the claim does not hold', (_name, round, expected) => {
  expect(holding([round])).toEqual(expected);
});

test.each([
  ['too few pairs are joined', { joined: 969 }, [false, true, true]],
  ['strangers are joined', { wrong: 1 }, [false, true, false]],
])('where %s the claim does not hold', (_name, change, expected) => {
  const [first, second] = planned;
  const plans = [{ ...first, ...change }, second] as Planned[];
  expect(holding([roundOf(measured(0.5))], plans).slice(4)).toEqual(expected);
});

test('a pair below the threshold must never be joined', () => {
  const plans = planned.map((plan) => ({ ...plan, joined: plan.least === null ? 1 : plan.joined }));
  expect(holding([roundOf(measured(0.5))], plans).slice(4)).toEqual([true, false, true]);
});

test('the table has a line for each contender, with its wrong joins', () => {
  const lines = tableOf([roundOf(measured(0.5)), roundOf(measured(0.7))]);
  expect(lines).toHaveLength(5);
  expect(lines[1]).toMatch(/^ours +1667 +600\.0 +300\.0 +1200\.0 +0\.9900 +1\.0000 +0$/);
  expect(lines[3]).toMatch(/^datatrove .* 14$/);
});

test('the ratios by the clock are told as well', () => {
  const rounds = [roundOf({ ...measured(0.5), wall: 4 }), roundOf({ ...measured(0.5), wall: 6 })];
  expect(clockOf(rounds)).toBe('Ratios by the clock: 0.250 to datasketch, 0.833 to datatrove');
});
