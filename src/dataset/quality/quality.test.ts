import { describe, expect, it, test } from 'vitest';
import type { WireMessage } from '../../core/message.ts';
import { createQuality } from './quality.ts';
import type { QualityOptions, QualityReason } from './types.ts';

const off: QualityOptions = { length: null, repetition: null, refusals: false, template_debris: false, language: null };
const all: QualityOptions = {
  length: { min_words: 1, max_words: 200, min_characters: 2, max_characters: 4000 },
  repetition: { min_words: 50, leniency: 1 },
  refusals: true,
  template_debris: true,
  language: { min_question_letters: 20, min_answer_letters: 40, max_likeness: 0.9 },
};

const prose =
  'The parcel left our store on Monday and is on its way to you. It should reach you within three days. If it does not, write to us again with the number of your order, and we look where it is. You can also follow it on the page of the carrier, which shows every stop on the way.';
const question = 'Where is the parcel that I ordered on Sunday evening?';

async function reasonsOf(
  answer: string,
  options: Partial<QualityOptions> = all,
  asked = question,
): Promise<QualityReason[]> {
  const qualityOf = await createQuality({ ...off, ...options });
  const messages: WireMessage[] = [
    { role: 'user', content: asked },
    { role: 'assistant', content: answer },
  ];
  return qualityOf({ messages, learn: [1], author: 'model' });
}

const words = (n: number) => Array.from({ length: n }, (_, at) => `word${at}`).join(' ');
const code = `Use this:\n\n\`\`\`ts\n${'  expect(result).toEqual(expected);\n'.repeat(3)}\`\`\`\n\n${prose}`;

describe('answers that are good enough', () => {
  test.each([
    prose,
    'Yes.',
    '42',
    code,
    'はい、月曜日に発送しました。',
    "I'm sorry, I can't find an order with that number. Which address did you use?",
    'I cannot see it here, but the carrier can: call them with the number 12.',
    'Das kann ich gern für Sie ändern. Welche Adresse soll es sein?',
    'In ChatML every message begins with `<|im_start|>` and ends with `<|im_end|>`.',
    'Write it so:\n\n```\n### Instruction:\nDo it\n```\n\nand nothing more.',
    'In HTML <s>this</s> is struck out, and {{ name }} is a field of Jinja.',
    'Call a[0] or b[i], say User: Ann, and let x < y | z.',
    '1. Open the settings.\n2. Choose the account.\n3. Press delete.\n4. Confirm with your password.',
  ])('%s', async (answer) => {
    expect(await reasonsOf(answer, { ...all, language: null })).toEqual([]);
  });
});

describe('length', () => {
  test.each<[string, QualityReason[]]>([
    ['', ['too_short']],
    ['a', ['too_short']],
    [words(200), []],
    [words(201), ['too_long']],
    ['x'.repeat(4001), ['too_long']],
  ])('%#', async (answer, expected) => {
    expect(await reasonsOf(answer, { length: all.length })).toEqual(expected);
  });
});

describe('repetition', () => {
  test.each<[string, string]>([
    ['a sentence again and again', 'I will look into it for you right away now. '.repeat(8)],
    ['one pair of words in everything', Array.from({ length: 40 }, (_, at) => `thank you word${at}`).join(' ')],
    ['a loop at the end', `${prose} ${'and then we will see what we can do about it '.repeat(6)}`],
    ['whole lines', `${prose}\n${'Please wait while the system restarts itself.\n'.repeat(5)}`],
    ['Japanese', 'ご連絡をお待ちしております。'.repeat(8)],
  ])('%s', async (_, answer) => {
    expect(await reasonsOf(answer, { repetition: all.repetition })).toEqual(['repetitive']);
    expect(await reasonsOf(answer, { repetition: { min_words: 50, leniency: 100 } })).toEqual([]);
  });

  it('is not looked for in a few words', async () => {
    expect(await reasonsOf('no no no no', { repetition: all.repetition })).toEqual([]);
  });
});

describe('refusals', () => {
  test.each([
    "I'm sorry, but I can't assist with that.",
    'I’m sorry, but I cannot help with this request. Let me know if there is anything else!',
    'As an AI language model, I do not have opinions and I cannot answer this.',
    'Sorry, I am unable to comply with your request.',
    'Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.',
    'Leider kann ich dabei nicht helfen.',
    'Das kann ich nicht beantworten.',
    'Désolé, je ne peux pas vous aider avec ça.',
    'Lo siento, pero no puedo ayudarte con eso.',
    'Mi dispiace, ma non posso aiutarti con questo.',
    'Desculpe, mas não posso ajudar com isso.',
    'Het spijt me, maar daar kan ik je niet mee helpen.',
    'Przepraszam, ale nie mogę w tym pomóc.',
    'Извините, но я не могу вам помочь с этим.',
    '申し訳ございませんが、そのリクエストにはお答えできません。',
    '很抱歉，我无法提供这方面的帮助。',
  ])('%s', async (answer) => {
    expect(await reasonsOf(answer, { refusals: true })).toEqual(['refusal']);
    expect(await reasonsOf(`${answer} ${prose}`, { refusals: true })).toEqual([]);
  });
});

describe('pieces of a chat template', () => {
  test.each([
    'Hello<|im_end|>',
    'It is on its way.<|eot_id|><|start_header_id|>user<|end_header_id|>',
    'Yes [/INST] No',
    'Yes.</s>',
    'Yes<end_of_turn>\n',
    '{{ .Prompt }}',
    'Fine.\n### Instruction:\nWrite more',
    'Fine.\n\nHuman: And then?\n\nAssistant: Then it goes on.',
    '<｜Assistant｜>Yes',
    'Yes.<|END_OF_TURN_TOKEN|>',
  ])('%s', async (answer) => {
    expect(await reasonsOf(answer, { template_debris: true })).toEqual(['template_debris']);
  });
});

describe('language', () => {
  const german = 'Ihr Paket hat unser Lager am Montag verlassen und sollte in drei Tagen bei Ihnen sein.';
  test.each<[string, string, string, QualityReason[]]>([
    ['another', question, german, ['other_language']],
    ['another, the other way round', 'Wo ist das Paket, das ich am Sonntag bestellt habe?', prose, ['other_language']],
    [
      'another script',
      question,
      'ご注文の商品は月曜日に発送しました。三日以内に届く予定ですので、もうしばらくお待ちくださいませ。',
      ['other_language'],
    ],
    ['the same', 'Wo ist das Paket, das ich am Sonntag bestellt habe?', german, []],
    ['asked for', 'Please translate: where is my parcel that I ordered?', german, []],
    ['asked for by name', 'Say that my parcel is on its way, in German please', german, []],
    ['a short question', 'parcel?', german, []],
    ['a short answer', question, 'Ja, am Montag.', []],
    [
      'code',
      'How do I read a file in Python, please show me how?',
      '```python\nfür = open("datei")\nprint(für.read())\n```',
      [],
    ],
  ])('%s', async (_, asked, answer, expected) => {
    expect(await reasonsOf(answer, { language: all.language }, asked)).toEqual(expected);
  });

  it('is what the system says', async () => {
    const qualityOf = await createQuality({ ...off, language: all.language });
    const messages = [
      { role: 'system', content: 'You always answer in German.' },
      { role: 'user', content: question },
      { role: 'assistant', content: german },
    ];
    expect(qualityOf({ messages, learn: [2], author: 'model' })).toEqual([]);
    expect(qualityOf({ messages: messages.slice(1), learn: [1], author: 'model' })).toEqual(['other_language']);
  });
});

describe('a row', () => {
  const call: WireMessage = {
    role: 'assistant',
    content: '',
    tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{}' } }],
  };
  const messages: WireMessage[] = [
    { role: 'user', content: question },
    call,
    { role: 'tool', tool_call_id: 'a', content: 'x' },
    { role: 'assistant', content: 'Yes.<|im_end|>' },
    { role: 'user', content: 'And now?' },
    { role: 'assistant', content: '' },
  ];

  it('has the reasons of all answers that are learned, in one order', async () => {
    const qualityOf = await createQuality(all);
    expect(qualityOf({ messages, learn: [5, 3], author: 'model' })).toEqual(['too_short', 'template_debris']);
    expect(qualityOf({ messages, learn: [3], author: 'model' })).toEqual(['template_debris']);
  });

  it('that only calls tools is fine, and so is what a person wrote', async () => {
    const qualityOf = await createQuality(all);
    expect(qualityOf({ messages, learn: [1], author: 'model' })).toEqual([]);
    expect(qualityOf({ messages, learn: [3, 5], author: 'person' })).toEqual([]);
  });
});
