import { type FaultsReport, runThroughFaults } from '../test/fixtures/faults/run.ts';
import { median, rounded } from './statistics.ts';
import type { Bench, BenchContext, Claim, Outcome } from './types.ts';

const atOnce = 32;
const deadlineSeconds = 3;
const flat = 1.1;
/** Files that the store opens when it first needs them. */
const openedLate = 4;
/** One chat in so many is sent once more, to providers that are left alone when they fail often. */
const sparedShare = 5;

/** Providers that fail in every way there is: what callers get, what is recorded, and what is left behind. */
export const faults: Bench = {
  name: 'faults',
  kind: 'soak',
  about: `chats, ${atOnce} at once, through providers that fail in every way: none hangs, is wrong, lost or leaked`,
  parts: [],
  count: 10_000,
  run,
};

async function run({ count, tell }: BenchContext): Promise<Outcome> {
  const options = { atOnce, deadlineSeconds, tell };
  const asked = await runThroughFaults({ ...options, count, seed: 'asked again', breakers: false });
  tell('with breakers');
  const spared = await runThroughFaults({
    ...options,
    count: Math.ceil(count / sparedShare),
    seed: 'left alone',
    breakers: true,
  });
  return {
    claims: [...claimsOf(asked, 'without breakers'), ...claimsOf(spared, 'with breakers'), memoryOf(asked)],
    details: { asked, spared },
    notes: [asked, spared].map(
      ({ ends, codes, injected }) =>
        `${ends.whole} whole answers, ${ends.error} errors (${JSON.stringify(codes)}); injected: ${JSON.stringify(injected)}.`,
    ),
  };
}

function claimsOf(report: FaultsReport, how: string): Claim[] {
  const { chats, ends, faults, attempts, inFlight, hanging, open, descriptors } = report;
  const { before, after } = descriptors;
  const { recorded, counted } = attempts;
  const names = Object.keys({ ...recorded, ...counted });
  const apart = names.reduce((sum, name) => sum + Math.abs((recorded[name] ?? 0) - (counted[name] ?? 0)), 0);
  return [
    none(`${how}: chats of ${chats} without an end a second after their caller's deadline`, ends.late),
    none(`${how}: whole answers that no provider gave`, faults.wrong.length),
    none(`${how}: whole answers that are not in the record just once, as they were given`, faults.unrecorded.length),
    none(`${how}: failed chats that the record has as something else`, faults.otherwise.length),
    none(`${how}: chats that failed with somebody left whom nobody asked`, faults.notPassedOver.length),
    none(`${how}: chats whose record names other tries than providers saw`, faults.miscounted.length),
    none(`${how}: failed tries that the metrics count otherwise than the record has them`, apart),
    none(`${how}: calls, connections to silent providers and records that stay open`, inFlight + hanging + open),
    none(`${how}: sockets more than before`, above(after.sockets, before.sockets)),
    {
      ...none(`${how}: files more than after a twentieth of the chats`, above(after.files, before.files)),
      target: `≤ ${openedLate}`,
      holds: above(after.files, before.files) <= openedLate,
    },
  ];
}

function memoryOf({ chats, memory }: FaultsReport): Claim {
  const growth = growthOf(memory);
  return {
    name: `memory at the end of ${chats} chats, to that after a third of them`,
    ours: growth,
    peer: null,
    ratio: null,
    target: `≤ ${flat}`,
    holds: growth <= flat,
  };
}

function none(name: string, ours: number): Claim {
  return { name, ours, peer: null, ratio: null, target: '0', holds: ours === 0 };
}

function above(now: number, before: number): number {
  return Math.max(0, now - before);
}

/** The first quarter warms the process up. */
function growthOf(memory: readonly number[]): number {
  const warm = memory.slice(Math.floor(memory.length / 4));
  const third = Math.max(1, Math.floor(warm.length / 3));
  return rounded(median(warm.slice(-third)) / median(warm.slice(0, third)));
}
