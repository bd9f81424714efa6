// Writes rated chats of about 1 KB as lines of JSON: `node make.ts FILE FIRST COUNT`. Equal numbers give equal lines.
import { closeSync, openSync, writeSync } from 'node:fs';
import { makeCorpus } from '../datasets/corpus.ts';
import type { Entry } from '../../src/dataset/entry.ts';

/** Texts that are made together; one in five is another of them, written again. */
const block = 20_000;

const [path = '', first = '0', count = '0'] = process.argv.slice(2);
const file = openSync(path, 'wx');
const [from, to] = [Number(first), Number(first) + Number(count)];
for (let start = Math.floor(from / block) * block; start < to; start += block) {
  const { texts } = makeCorpus(block, start / block + 1);
  const lines = texts.map((text, at) => ({ at: start + at, text })).filter(({ at }) => at >= from && at < to);
  writeSync(file, lines.map(({ at, text }) => `${JSON.stringify(toEntry(at, text))}\n`).join(''));
}
closeSync(file);

/** A question and its answer, of a conversation of its own; every tenth answer was corrected. */
function toEntry(at: number, text: string): Entry {
  const id = `c${String(at).padStart(9, '0')}`;
  const cut = text.indexOf(' ', text.length / 4);
  return {
    id: `${id}.0`,
    kind: 'learn',
    completion: id,
    choice: 0,
    signal: at % 10 === 0 ? 'corrected' : 'approved',
    messages: [
      { role: 'user', content: text.slice(0, cut) },
      { role: 'assistant', content: text.slice(cut + 1) },
    ],
    against: null,
    tools: [],
    author: at % 10 === 0 ? 'person' : 'ollama/tiny',
    node: `n${id}`,
    topic: null,
    cutOff: false,
    at: (at * 7919) % 1_000_003,
    raters: [`rater${at % 7}`],
    corrections: at % 10 === 0 ? [`f${id}`] : [],
    ratings: [],
  };
}
