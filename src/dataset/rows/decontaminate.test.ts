import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createContamination } from './decontaminate.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

const question = 'Which river flows through the town where the treaty of the seven small islands was finally signed?';
const items = [
  { id: 'long', messages: [user(question)] },
  { id: 'short', messages: [user('Who wrote Kalevala and when?')] },
  { id: 'tiny', messages: [user('Why?')] },
  {
    id: 'answer',
    messages: [user('Name it.')],
    texts: ['the answer is written down on the back of the third page from the end'],
  },
];
const giveaway = createContamination(items);

test.each([
  ['an equal question', [user(` ${question.toUpperCase()} `), assistant('The Aura.')], 'long'],
  ['thirteen words of it', [user(`Tell me ${question.slice(0, 90)}`), assistant('No.')], 'long'],
  ['it in an answer', [user('Ask me something.'), assistant(`Gladly. ${question}`)], 'long'],
  ['all words of a short one', [user('Please: who wrote Kalevala, and when'), assistant('Lönnrot.')], 'short'],
  ['an equal tiny one', [user('why?'), assistant('Because.')], 'tiny'],
  [
    'a reference answer',
    [user('Hm'), assistant('I think the answer is written down on the back of the third page from the end.')],
    'answer',
  ],
  ['a tiny one in other words', [user('Why not go?'), assistant('Why? Because.')], null],
  ['twelve words of it', [user('river flows through the town where the treaty of the seven small')], null],
  ['something else', [user('Which river is it?'), assistant('The Aura.')], null],
])('%s', (_name, messages, id) => {
  expect(giveaway(messages)).toBe(id);
});

test('a thousand planted ones are all found, and nothing else is', () => {
  const words = (seed: number, count: number): string =>
    Array.from({ length: count }, (_, at) => hash('sha1', `${seed} ${at}`).slice(0, 5)).join(' ');
  const evaluation = Array.from({ length: 1000 }, (_, at) => ({
    id: `e${at}`,
    messages: [user(words(at + 1, 6 + (at % 40)))],
  }));
  const find = createContamination(evaluation);
  const found = evaluation.map(({ messages }, at) => {
    const around = `${words(at + 100_000, 20)} ${messages[0]?.content} ${words(at + 200_000, 20)}`;
    return find([user(words(at + 300_000, 30)), assistant(around)]);
  });
  expect(found).toEqual(evaluation.map(({ id }) => id));
  const clean = Array.from({ length: 1000 }, (_, at) =>
    find([user(words(at + 400_000, 60)), assistant(words(at + 500_000, 60))]),
  );
  expect(clean.filter((id) => id !== null)).toEqual([]);
});
