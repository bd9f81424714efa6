import { expect, test } from 'vitest';
import { type Mode, type Round, claimsOf, detailsOf, tableOf } from './figures.ts';
import type { Sample } from './protocol.ts';

const many = (first: number, last: number, done: number): Sample[] =>
  Array.from({ length: 100 }, () => ({ first, last, done }));

/** A round in which each adds so much to the first byte, and twice as much to the last text. */
function roundOf(adds: Record<string, number>, commit: number): Round {
  const streams = {
    direct: many(1, 2, 2),
    'direct-python': many(2, 3, 3),
    ratchet: many(1 + (adds.ratchet ?? 0), 2 + 2 * (adds.ratchet ?? 0), 2 + 2 * (adds.ratchet ?? 0) + commit),
    portkey: many(1 + (adds.portkey ?? 0), 2 + 2 * (adds.portkey ?? 0), 2 + 2 * (adds.portkey ?? 0)),
    litellm: many(1 + (adds.litellm ?? 0), 2 + 2 * (adds.litellm ?? 0), 2 + 2 * (adds.litellm ?? 0)),
    tensorzero: many(2.5, 4, 4),
  };
  const fsyncs = Array.from({ length: 100 }, () => 1);
  return {
    streams: { 0: streams, 20: streams },
    wholes: { 0: streams, 20: streams },
    fsyncs: { 0: fsyncs, 20: fsyncs },
    load: { ratchet: 1_500, litellm: 100, direct: 9_000 },
  };
}

const said = (rounds: Round[], memory = { ratchet: 100, litellm: 200 }) =>
  Object.fromEntries(claimsOf(rounds, memory).map(({ name, ...claim }) => [name, claim]));

test('a claim is the median of the rounds: what is added less the bare call of the same round', () => {
  const calm = roundOf({ ratchet: 0.3, portkey: 1, litellm: 10 }, 1.2);
  const busy = roundOf({ ratchet: 30, portkey: 1, litellm: 10 }, 50);
  const claims = said([calm, busy, calm]);
  expect(claims['added to the first byte at p50, in ms, beside portkey']).toEqual({
    ours: 0.3,
    peer: 1,
    ratio: 0.3,
    target: 'at most 0.5',
    holds: true,
  });
  expect(claims['added to the last content at p50, in ms, beside litellm']).toMatchObject({
    ours: 0.6,
    peer: 20,
    holds: true,
  });
  expect(claims['wait for the commit at p50, in ms, beside a bare fsync']).toMatchObject({
    ours: 1.2,
    peer: 1,
    holds: true,
  });
  expect(claims["whole chats a second, 32 at once, beside LiteLLM's"]).toMatchObject({ ratio: 15, holds: true });
  expect(claims["memory after the run, in MB, beside LiteLLM's"]).toMatchObject({ ratio: 0.5, holds: true });
});

test('what does not hold says so', () => {
  const claims = Object.values(
    said([roundOf({ ratchet: 5, portkey: 1, litellm: 10 }, 3)], { ratchet: 150, litellm: 200 }),
  );
  expect(claims.filter(({ holds }) => holds).map(({ target }) => target)).toEqual(['at least 15']);
});

test('TensorZero is less a bare call of its own process, and everyone has a line', () => {
  const rounds = [roundOf({ ratchet: 0.3, portkey: 1, litellm: 10 }, 1)];
  const { added_ms } = detailsOf(rounds) as {
    added_ms: Record<string, Record<string, Record<string, { p50: number }>>>;
  };
  expect(added_ms.at_once?.tensorzero?.first_byte?.p50).toBe(0.5);
  const table = tableOf(rounds, { ratchet: 100 }).join('\n');
  for (const name of ['ratchet', 'portkey', 'litellm', 'tensorzero', 'a bare fsync']) expect(table).toMatch(name);
});

test('p99 is taken over all rounds together', () => {
  const slow = roundOf({ ratchet: 9 }, 0);
  const rounds = [...Array.from({ length: 30 }, () => roundOf({ ratchet: 1 }, 0)), slow];
  const { added_ms } = detailsOf(rounds) as {
    added_ms: Record<'at_once', Record<string, Record<string, { p50: number; p99: number }>>>;
  };
  const mode: Mode = 0;
  expect(rounds[0]?.streams[mode].ratchet).toHaveLength(100);
  expect(added_ms.at_once.ratchet?.first_byte).toEqual({ p50: 1, p99: 9 });
});
