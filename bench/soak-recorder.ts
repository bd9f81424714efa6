import { type KillReport, killUnderLoad } from '../test/fixtures/kill-under-load.ts';
import { inBatches } from './results.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

/** Kills between two audits of the store. */
const batchSize = 20;

/** kill -9 of the API under load, again and again: what a client was told is there afterwards. */
export const recorder: Bench = {
  name: 'recorder',
  kind: 'soak',
  about: 'kill -9 of the API under load: no chat is lost whose last byte the client got',
  parts: [],
  count: 200,
  run,
};

async function run(context: BenchContext): Promise<Outcome> {
  const batches = await inBatches<KillReport>(context, batchSize, killUnderLoad);
  const sum = (of: (batch: KillReport) => number) => batches.reduce((total, batch) => total + of(batch), 0);
  const acknowledged = sum((batch) => batch.acknowledged);
  const interrupted = sum((batch) => batch.interrupted);
  const lost = sum((batch) => batch.lost.length);
  const open = sum((batch) => batch.open);
  const twice = sum((batch) => batch.twice);
  const damaged = sum((batch) => (batch.sound ? 0 : 1));
  const kills = sum((batch) => batch.kills);
  return {
    claims: [
      {
        name: `acknowledged chats lost in ${kills} kills`,
        ours: lost,
        peer: null,
        ratio: null,
        target: '0',
        holds: lost === 0 && acknowledged > 0,
      },
      {
        name: `acknowledged chats that are there twice after ${kills} kills`,
        ours: twice,
        peer: null,
        ratio: null,
        target: '0',
        holds: twice === 0 && acknowledged > 0,
      },
      {
        name: `records, of one for every ${batchSize} kills, that integrity_check finds damaged`,
        ours: damaged,
        peer: null,
        ratio: null,
        target: '0',
        holds: damaged === 0 && acknowledged > 0,
      },
      {
        name: `completions that stay open after ${kills} kills`,
        ours: open,
        peer: null,
        ratio: null,
        target: '0',
        holds: open === 0 && acknowledged > 0,
      },
    ],
    details: { kills, acknowledged, interrupted, lost, twice, damaged, open },
    notes: [`${acknowledged} chats were acknowledged, ${interrupted} cut off and kept as interrupted.`],
  };
}
