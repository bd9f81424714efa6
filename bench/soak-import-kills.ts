import { type KilledImport, importThroughKills } from '../test/fixtures/imports/killed-import.ts';
import type { LargeFormat } from '../test/fixtures/imports/large-files.ts';
import { inBatches } from './results.ts';
import type { Bench, BenchContext, Claim, Outcome } from './types.ts';

/** Kills of one import. */
const batchSize = 5;
const bytes = 6 * 2 ** 20;
const formats: readonly LargeFormat[] = ['open-webui', 'openai-sft', 'csv'];

/** kill -9 of the command, of the API and of both in an import, again and again. */
export const importKills: Bench = {
  name: 'import-kills',
  kind: 'soak',
  about: 'kill -9 of the command, of the API or of both in an import: begun again, each item is there once',
  parts: [],
  count: 50,
  run,
};

async function run(context: BenchContext): Promise<Outcome> {
  const batches = await inBatches<KilledImport>(context, batchSize, (kills) => {
    const format = formats[context.partial.read().length % formats.length] ?? 'csv';
    return importThroughKills(format, bytes, kills);
  });
  const sum = (of: (batch: KilledImport) => number) => batches.reduce((total, batch) => total + of(batch), 0);
  const kills = sum((batch) => batch.kills);
  const midway = sum((batch) => batch.midway);
  const items = sum(({ file }) => file.chats + file.feedback);
  const recorded = sum((batch) => batch.recorded.chats + batch.recorded.feedback);
  const apart = sum((batch) => batch.apart.length);
  const damaged = sum((batch) => Number(!batch.sound));
  return {
    claims: [
      {
        ...zero(`kills of ${kills} that came before the first chat or after the last`, kills - midway),
        holds: midway > kills / 2,
        target: 'less than half',
      },
      zero(
        `chats and events of ${items} that are missing, or there twice, after ${kills} kills`,
        Math.abs(items - recorded),
      ),
      zero(`chats, conversations and events that an undisturbed import has otherwise`, apart),
      zero(`records of ${batches.length} that integrity_check finds damaged`, damaged),
    ],
    details: { kills, midway, imports: batches.length, items, recorded, apart, damaged },
    notes: [`${batches.length} imports, each killed ${batchSize} times and begun again: ${items} chats and events.`],
  };
}

function zero(name: string, ours: number): Claim {
  return { name, ours, peer: null, ratio: null, target: '0', holds: ours === 0 };
}
