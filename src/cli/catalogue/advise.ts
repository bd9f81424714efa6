import { totalmem } from 'node:os';
import { streamChat } from '../../api/chat-client.ts';
import { loadConfig } from '../../config.ts';
import { asRatchetError } from '../../core/errors.ts';
import { type Prices, createPrices } from '../../gateway/price.ts';
import { readCatalogue } from '../../models/catalogue.ts';
import { createSettings } from '../../settings.ts';
import { type Connection, connectApi } from '../connection.ts';
import { type Advice, type Candidate, type Use, advise } from './advice.ts';
import { readSpeeds } from './speeds.ts';

export interface AdviseOptions {
  for: Use;
  measure?: boolean;
  url?: string;
  json?: boolean;
}

interface ListedModel {
  id: string;
  owned_by: string;
  ratchet?: {
    provider: string;
    locality: 'local' | 'remote';
    abilities?: Partial<Record<string, boolean>>;
    context?: number | null;
    size?: number | null;
  };
}

const question = 'Write three sentences about the sea.';

/** `ratchet models advise`: which model to use for something, and why. */
export async function adviseModels(options: AdviseOptions): Promise<void> {
  const connection = connectApi(options.url);
  const candidates = await candidatesOf(connection);
  if (options.measure) await measure(connection, candidates);
  const advice = advise(candidates, options.for, totalmem());
  console.log(options.json ? JSON.stringify(advice, null, 2) : describe(advice, options.for));
}

/** Every local model, and of the remote ones those that are in the catalogue, selected, or in the record. */
async function candidatesOf({ api }: Connection): Promise<Candidate[]> {
  const config = loadConfig();
  const [{ data }, speeds, { selected }] = await Promise.all([
    api.get<{ data: ListedModel[] }>('/v1/models'),
    readSpeeds(api),
    api.get<{ selected: string | null }>('/api/promotions?limit=1'),
  ]);
  const log = { info: () => {}, warn: () => {} };
  const prices = createPrices({ settings: () => createSettings({ file: config.settingsFile, log }).current(), log });
  const inCatalogue = readCatalogue(config.catalogueFile)?.items.map(({ entry }) => entry.ref) ?? [];
  const named = new Set([...inCatalogue, ...speeds.keys(), ...(selected === null ? [] : [selected])]);
  const listed = new Map(data.filter(({ owned_by }) => owned_by !== 'ratchet').map((model) => [model.id, model]));
  const local = [...listed.values()].filter(({ ratchet }) => ratchet?.locality === 'local').map(({ id }) => id);
  const localities = new Map([...listed.values()].map(({ owned_by, ratchet }) => [owned_by, ratchet?.locality]));
  return [...new Set([...local, ...named])].map((ref) => {
    const locality = localities.get(ref.slice(0, ref.indexOf('/'))) ?? 'remote';
    return candidateOf(ref, listed.get(ref), locality, prices, speeds.get(ref) ?? null);
  });
}

function candidateOf(
  ref: string,
  model: ListedModel | undefined,
  locality: Candidate['locality'],
  prices: Prices,
  speed: Candidate['speed'],
): Candidate {
  const slash = ref.indexOf('/');
  const facts = model?.ratchet;
  const price = prices.find({ name: ref.slice(0, slash), locality }, ref.slice(slash + 1))?.price ?? null;
  return {
    ref,
    locality,
    isThere: model !== undefined,
    chats: facts?.abilities?.['chat'] ?? null,
    tools: facts?.abilities?.['tools'] ?? null,
    size: facts?.size ?? null,
    context: facts?.context ?? null,
    price: price && { input: price.input, output: price.output },
    speed,
  };
}

/** Asks what has no measure yet, one after the other, so that they do not slow each other down. */
async function measure(connection: Connection, candidates: readonly Candidate[]): Promise<void> {
  for (const { ref, isThere, chats, speed } of candidates) {
    if (!isThere || chats === false || speed !== null) continue;
    console.error(`Asking ${ref} …`);
    try {
      const messages = [{ role: 'user', content: question }];
      const signal = AbortSignal.timeout(120_000);
      for await (const _ of streamChat(connection, { model: ref, messages, conversationId: undefined, signal })) {
        // The record has the times.
      }
    } catch (error) {
      console.error(`${ref} did not answer: ${asRatchetError(error).message}`);
    }
  }
  const speeds = await readSpeeds(connection.api);
  for (const candidate of candidates) candidate.speed ??= speeds.get(candidate.ref) ?? null;
}

/** The table, the best first. */
export function describe(advice: readonly Advice[], use: Use): string {
  if (advice.length === 0) return 'No provider lists a model: pull one with "ratchet models pull".';
  const rows = advice.map((one) => [one.verdict, one.ref, ...figures(one), one.reason]);
  const head = ['', 'model', 'first token', 'tokens/s', 'context', 'why'];
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  const unmeasured = advice.some(({ speed, verdict }) => speed === null && verdict !== 'no');
  const hint = unmeasured
    ? ['', `"ratchet models advise --for ${use} --measure" asks those that are not measured.`]
    : [];
  return [line(head), ...rows.map(line), ...hint].join('\n');
}

function figures({ speed, context }: Candidate): string[] {
  return [
    speed?.firstTokenMs === undefined || speed.firstTokenMs === null ? '-' : `${Math.round(speed.firstTokenMs)} ms`,
    speed === null ? '-' : speed.tokensPerSecond.toFixed(1),
    context === null ? '-' : String(context),
  ];
}
