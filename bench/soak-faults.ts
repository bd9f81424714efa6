import { type FaultsReport, runThroughFaults } from '../test/fixtures/faults/run.ts';
import { median, rounded } from './statistics.ts';
import type { Bench, BenchContext, Claim, Outcome } from './types.ts';

const atOnce = 32;
const deadlineSeconds = 3;
const flat = 1.1;

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
  const report = await runThroughFaults({ count, atOnce, deadlineSeconds, seed: 'soak', tell });
  const { ends, codes, injected } = report;
  return {
    claims: claimsOf(report),
    details: { ...report },
    notes: [
      `${ends.whole} whole answers, ${ends.error} errors, ${ends.late} callers that left; errors: ${JSON.stringify(codes)}.`,
      `Injected: ${JSON.stringify(injected)}.`,
    ],
  };
}

function claimsOf({
  chats,
  ends,
  faults,
  passedOver,
  inFlight,
  hanging,
  open,
  descriptors,
  memory,
}: FaultsReport): Claim[] {
  const { before, after } = descriptors;
  const { seen, counted } = passedOver;
  const names = Object.keys({ ...seen, ...counted });
  const apart = names.reduce((sum, name) => sum + Math.abs((seen[name] ?? 0) - (counted[name] ?? 0)), 0);
  const growth = growthOf(memory);
  return [
    none(`chats of ${chats} without an end a second after their caller's deadline`, ends.late),
    none('whole answers that no provider gave', faults.wrong.length),
    none('whole answers that are not in the record just once, as they were given', faults.unrecorded.length),
    none('failed chats that the record has as something else', faults.otherwise.length),
    none('failed providers in whose place nobody was asked', faults.notPassedOver.length),
    none('chats whose record names other failed providers than failed', faults.miscounted.length),
    none('passed-over providers that the metrics count otherwise than they were seen', apart),
    none('calls in flight, connections to silent providers and records that stay open', inFlight + hanging + open),
    none('sockets and files more than before', above(after.sockets, before.sockets) + above(after.files, before.files)),
    {
      name: `memory at the end of ${chats} chats, to that after a third of them`,
      ours: growth,
      peer: null,
      ratio: null,
      target: `≤ ${flat}`,
      holds: growth <= flat,
    },
  ];
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
