import { writeFileSync } from 'node:fs';
import type { DatasetRow } from '../../src/core/dataset.ts';
import type { WireMessage } from '../../src/core/message.ts';
import { createRandom } from '../datasets/random.ts';

/** How long chats are: 1 to 8 questions, most of them few; words of questions and answers around a median; how many answers were rated. */
export const shape = {
  /** Share of chats that go on after each answer. */
  goesOn: 0.6,
  maxTurns: 8,
  questionWords: { median: 8, spread: 0.7, most: 80 },
  answerWords: { median: 24, spread: 0.8, most: 200 },
  rated: 0.6,
} as const;

const words =
  'the order parcel arrives refund card please check account window return delay address change shop open hours answer help number late broken bill paid copy letter street phone order again thanks today week'.split(
    ' ',
  );

/**
 * Writes so many chats as rows of a dataset: one for each rated answer, with the chat up to it. Gives how many rows. All chats
 * begin with the same instructions of so many words, where there are any.
 */
export function writeChats(file: string, chats: number, seed: number, instructions = 0): number {
  const random = createRandom(seed);
  const told = instructions > 0 ? [{ role: 'system', content: some(instructions, createRandom(seed + 1)) }] : [];
  const rows = Array.from({ length: chats }, (_, chat) => rowsOf(chat, told, random)).flat();
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return rows.length;
}

type Random = ReturnType<typeof createRandom>;

function rowsOf(chat: number, told: readonly WireMessage[], random: Random): DatasetRow[] {
  const messages: WireMessage[] = [...told];
  const rows: DatasetRow[] = [];
  const turns = turnsOf(random);
  for (let turn = 0; turn < turns; turn += 1) {
    messages.push({ role: 'user', content: text(shape.questionWords, random) });
    messages.push({ role: 'assistant', content: text(shape.answerWords, random) });
    const isRated = random.next() < shape.rated || (turn === turns - 1 && rows.length === 0);
    if (isRated) rows.push(row(`${chat}/${turn}`, [...messages]));
  }
  return rows;
}

function turnsOf(random: Random): number {
  let turns = 1;
  while (turns < shape.maxTurns && random.next() < shape.goesOn) turns += 1;
  return turns;
}

function row(id: string, messages: WireMessage[]): DatasetRow {
  const meta = { completion: id, choice: 0, signal: 'approved', author: 'bench', node: id } as const;
  return { id, messages, learn: [messages.length - 1], meta };
}

/** Log-normal, by Box and Muller. */
function text({ median, spread, most }: { median: number; spread: number; most: number }, random: Random): string {
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const count = Math.min(most, Math.max(1, Math.round(median * Math.exp(spread * normal))));
  return some(count, random);
}

function some(count: number, random: Random): string {
  return Array.from({ length: count }, () => words[random.below(words.length)]).join(' ');
}
