import { median, percentile, rounded } from '../statistics.ts';
import type { Claim } from '../types.ts';
import type { Sample } from './protocol.ts';

/** How long the upstream thinks before its first byte, in ms. */
export const modes = [0, 20] as const;
export type Mode = (typeof modes)[number];

/** What one round measured, by contender. */
export interface Round {
  /** Streams, while the upstream thinks for so long. */
  streams: Readonly<Record<Mode, Readonly<Record<string, readonly Sample[]>>>>;
  /** Whole answers likewise. */
  wholes: Readonly<Record<Mode, Readonly<Record<string, readonly Sample[]>>>>;
  /** Bare syncs of the disk, one after each of as many streams of ours that are not timed. */
  fsyncs: Readonly<Record<Mode, readonly number[]>>;
  /** Whole answers a second. */
  load: Readonly<Record<string, number>>;
}

/** What is compared of a stream. */
const parts = {
  'first byte': { of: 'streams', at: ({ first }: Sample) => first },
  'last content': { of: 'streams', at: ({ last }: Sample) => last },
  'wait for the end': { of: 'streams', at: ({ last, done }: Sample) => done - last },
  'whole answer': { of: 'wholes', at: ({ done }: Sample) => done },
} as const;
type Part = keyof typeof parts;
const partNames = Object.keys(parts) as Part[];

/** Who is measured against which bare call. TensorZero has no port, so that its client times both. */
const baselines: Readonly<Record<string, string>> = {
  ratchet: 'direct',
  portkey: 'direct',
  litellm: 'direct',
  tensorzero: 'direct-python',
};

/** What a contender adds to a bare call of the same round, at a percentile, in ms. */
function added(round: Round, mode: Mode, name: string, part: Part, share: number): number {
  const { of: kind, at } = parts[part];
  const of = (who: string) => percentile((round[kind][mode][who] ?? []).map(at), share);
  return of(name) - of(baselines[name] ?? 'direct');
}

/** The same over all rounds as if they were one: what a p99 needs. */
function together(rounds: readonly Round[]): Round {
  const join = (kind: 'streams' | 'wholes', mode: Mode): Record<string, Sample[]> => {
    const names = Object.keys(rounds[0]?.[kind][mode] ?? {});
    return Object.fromEntries(names.map((name) => [name, rounds.flatMap((round) => round[kind][mode][name] ?? [])]));
  };
  const fsyncs = (mode: Mode): number[] => rounds.flatMap((round) => round.fsyncs[mode]);
  return {
    streams: { 0: join('streams', 0), 20: join('streams', 20) },
    wholes: { 0: join('wholes', 0), 20: join('wholes', 20) },
    fsyncs: { 0: fsyncs(0), 20: fsyncs(20) },
    load: {},
  };
}

interface Limit {
  part: Part;
  peer: 'portkey' | 'litellm';
  /** What of the peer is beside ours, where it is something else. */
  beside?: Part;
  most: number;
}

const limits: readonly Limit[] = [
  { part: 'first byte', peer: 'portkey', most: 0.5 },
  { part: 'first byte', peer: 'litellm', most: 0.05 },
  { part: 'last content', peer: 'portkey', most: 0.5 },
  // Portkey holds the first chunk of a stream back for 25 ms, with a timer: so its whole answers are looked at as well.
  { part: 'first byte', peer: 'portkey', beside: 'whole answer', most: 0.5 },
  { part: 'last content', peer: 'portkey', beside: 'whole answer', most: 0.5 },
  { part: 'last content', peer: 'litellm', most: 0.05 },
];
const throughputLimit = 15;
const memoryLimit = 0.5;
const commitLimit = 1.5;

/** Every claim as it was measured; nothing is left out because it does not hold. */
export function claimsOf(rounds: readonly Round[], memory: Readonly<Record<string, number>>): Claim[] {
  return [
    ...modes.flatMap((mode) => limits.map((limit) => addedClaim(rounds, mode, limit))),
    ...modes.map((mode) => commitClaim(rounds, mode)),
    throughputClaim(rounds),
    claim({
      name: "memory after the run, in MB, beside LiteLLM's",
      ours: memory.ratchet ?? Number.NaN,
      peer: memory.litellm ?? Number.NaN,
      ratio: (memory.ratchet ?? Number.NaN) / (memory.litellm ?? Number.NaN),
      target: `at most ${memoryLimit}`,
      most: memoryLimit,
    }),
  ];
}

function addedClaim(rounds: readonly Round[], mode: Mode, { part, peer, beside = part, most }: Limit): Claim {
  const of = (name: string, what: Part) => rounds.map((round) => added(round, mode, name, what, 0.5));
  const theirs = of(peer, beside);
  const ours = of('ratchet', part);
  const what = beside === part ? peer : `what ${peer} adds to a ${beside}`;
  return claim({
    name: `added to the ${part} at p50, in ms, beside ${what}${thinks(mode)}`,
    ours: median(ours),
    peer: median(theirs),
    ratio: median(ours.map((value, at) => value / (theirs[at] ?? Number.NaN))),
    target: `at most ${most}`,
    most,
  });
}

function commitClaim(rounds: readonly Round[], mode: Mode): Claim {
  const waits = rounds.map((round) => added(round, mode, 'ratchet', 'wait for the end', 0.5));
  const bare = rounds.map((round) => percentile(round.fsyncs[mode], 0.5));
  return claim({
    name: `wait for the commit at p50, in ms, beside a bare fsync${thinks(mode)}`,
    ours: median(waits),
    peer: median(bare),
    ratio: median(waits.map((value, at) => value / (bare[at] ?? Number.NaN))),
    target: `at most ${commitLimit}`,
    most: commitLimit,
  });
}

function throughputClaim(rounds: readonly Round[]): Claim {
  const of = (name: string) => rounds.map(({ load }) => load[name] ?? Number.NaN);
  const theirs = of('litellm');
  const ratio = median(of('ratchet').map((value, at) => value / (theirs[at] ?? Number.NaN)));
  return {
    name: "whole chats a second, 32 at once, beside LiteLLM's",
    ours: rounded(median(of('ratchet')), 0),
    peer: rounded(median(theirs), 0),
    ratio: rounded(ratio, 2),
    target: `at least ${throughputLimit}`,
    holds: ratio >= throughputLimit,
  };
}

function claim({ most, ...said }: Omit<Claim, 'holds' | 'ratio'> & { ratio: number; most: number }): Claim {
  return {
    ...said,
    ours: rounded(said.ours),
    peer: said.peer === null ? null : rounded(said.peer),
    ratio: rounded(said.ratio),
    holds: said.ratio <= most,
  };
}

const thinks = (mode: Mode): string => (mode === 0 ? '' : `, the provider thinking for ${mode} ms`);

/** All figures, for whoever wants to look closer: p50 is the median of the rounds', p99 that of all streams together. */
export function detailsOf(rounds: readonly Round[]): Record<string, unknown> {
  const all = together(rounds);
  const ofMode = (mode: Mode) =>
    Object.fromEntries(
      Object.keys(baselines).map((name) => [
        name,
        Object.fromEntries(
          partNames.map((part) => [
            part.replaceAll(' ', '_'),
            {
              p50: rounded(median(rounds.map((round) => added(round, mode, name, part, 0.5)))),
              p99: rounded(added(all, mode, name, part, 0.99)),
            },
          ]),
        ),
      ]),
    );
  const bare = (mode: Mode) => ({
    direct: spread(all.streams[mode].direct?.map(parts['first byte'].at) ?? []),
    direct_python: spread(all.streams[mode]['direct-python']?.map(parts['first byte'].at) ?? []),
    fsync: spread(all.fsyncs[mode]),
  });
  return {
    added_ms: { at_once: ofMode(0), thinking_20_ms: ofMode(20) },
    bare_ms: { at_once: bare(0), thinking_20_ms: bare(20) },
    chats_per_second: Object.fromEntries(
      Object.keys(rounds[0]?.load ?? {}).map((name) => [
        name,
        rounded(median(rounds.map(({ load }) => load[name] ?? Number.NaN)), 0),
      ]),
    ),
  };
}

function spread(values: readonly number[]): { p50: number; p99: number } {
  return { p50: rounded(percentile(values, 0.5)), p99: rounded(percentile(values, 0.99)) };
}

/** A table for people of what each adds. */
export function tableOf(rounds: readonly Round[], memory: Readonly<Record<string, number>>): string[] {
  const all = together(rounds);
  const lines = modes.flatMap((mode) => [
    `Added, in ms, while the provider ${mode === 0 ? 'answers at once' : `thinks for ${mode} ms`}: p50 (p99)`,
    ...Object.keys(baselines).map((name) => {
      const cells = partNames.map((part) => {
        const p50 = median(rounds.map((round) => added(round, mode, name, part, 0.5)));
        return `${part} ${p50.toFixed(2)} (${added(all, mode, name, part, 0.99).toFixed(2)})`;
      });
      return `  ${name.padEnd(11)} ${cells.join(', ')}`;
    }),
    `  a bare fsync ${percentile(all.fsyncs[mode], 0.5).toFixed(2)} (${percentile(all.fsyncs[mode], 0.99).toFixed(2)})`,
  ]);
  const loads = Object.keys(rounds[0]?.load ?? {}).map(
    (name) => `${name} ${median(rounds.map(({ load }) => load[name] ?? Number.NaN)).toFixed(0)}`,
  );
  return [
    ...lines,
    `Whole chats a second, 32 at once: ${loads.join(', ')}`,
    `Memory after the run, in MB: ${Object.entries(memory)
      .map(([name, megabytes]) => `${name} ${megabytes.toFixed(0)}`)
      .join(', ')}`,
    'Ours records every chat; the others record nothing. TensorZero runs in the process of its Python client, without a hop.',
  ];
}
