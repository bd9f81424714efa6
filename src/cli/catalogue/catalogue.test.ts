import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, advise, uses } from './advice.ts';
import { describe as describeAdvice } from './advise.ts';
import { type Choice, chosenRef, menuText, picked } from './select.ts';
import { type TimedAnswer, speedsOf } from './speeds.ts';

const choices: Choice[] = [
  { name: 'Quick', names: ['Quick', 'q'], ref: 'groq/llama-3.1-8b-instant', gone: false },
  { name: 'ollama/a', names: ['ollama/a'], ref: 'ollama/a', gone: true },
];

describe('a model of the catalogue', () => {
  test.each([
    ['Quick', 'groq/llama-3.1-8b-instant'],
    ['quick', 'groq/llama-3.1-8b-instant'],
    ['q', 'groq/llama-3.1-8b-instant'],
    ['groq/llama-3.1-8b-instant', 'groq/llama-3.1-8b-instant'],
    ['ollama/other', 'ollama/other'],
    ['gpt-4o-mini', 'openai/gpt-4o-mini'],
  ])('%s means %s', (name, ref) => {
    expect(chosenRef(choices, name)).toBe(ref);
  });

  test('a name that there is not is told with the nearest', () => {
    expect(() => chosenRef(choices, 'Quik')).toThrow(
      'There is no model "Quik" in the catalogue: the nearest are Quick.',
    );
  });

  test('the menu shows what is selected and what is gone, and takes a number or a name', () => {
    expect(menuText(choices, 'groq/llama-3.1-8b-instant')).toBe(
      '* 1  Quick  (groq/llama-3.1-8b-instant)\n  2  ollama/a  (gone)\n',
    );
    const typed = ['1', ' 2 ', '3', '0', 'q', 'nonsense', ''].map((text) => picked(choices, text));
    expect(typed).toEqual([
      'groq/llama-3.1-8b-instant',
      'ollama/a',
      null,
      null,
      'groq/llama-3.1-8b-instant',
      null,
      null,
    ]);
  });
});

const answer = (more: Partial<TimedAnswer> & { tokens?: number }): TimedAnswer => ({
  provider: 'ollama',
  model: 'a',
  state: 'complete',
  stream: true,
  created_at: '2026-11-21T10:00:00.000Z',
  first_token_at: '2026-11-21T10:00:00.500Z',
  finished_at: '2026-11-21T10:00:01.500Z',
  ...more,
  usage: { completion_tokens: more.tokens ?? 101 },
});

test('the speed is the median of what the record says, and answers that tell nothing do not count', () => {
  const whole = { stream: false, first_token_at: null, finished_at: '2026-11-21T10:00:10.000Z' };
  const speeds = speedsOf([
    answer({}),
    answer({ finished_at: '2026-11-21T10:00:02.500Z' }),
    answer({ first_token_at: '2026-11-21T10:00:00.900Z', finished_at: '2026-11-21T10:00:10.900Z' }),
    answer({ tokens: 2 }),
    answer({ state: 'failed' }),
    answer({ finished_at: null }),
    answer({ model: 'b', tokens: 100, ...whole }),
    answer({ model: 'c', tokens: 1 }),
  ]);
  expect(Object.fromEntries(speeds)).toEqual({
    'ollama/a': { firstTokenMs: 500, tokensPerSecond: 50, answers: 3 },
    'ollama/b': { firstTokenMs: null, tokensPerSecond: 10, answers: 1 },
  });
});

const candidate = (ref: string, more: Partial<Candidate> = {}): Candidate => ({
  ref,
  locality: ref.startsWith('ollama/') ? 'local' : 'remote',
  isThere: true,
  chats: true,
  tools: null,
  size: null,
  context: null,
  price: ref.startsWith('ollama/') ? { input: 0, output: 0 } : null,
  speed: { firstTokenMs: 100, tokensPerSecond: 50, answers: 3 },
  ...more,
});
const GB = 1e9;

describe('advice', () => {
  const small = candidate('ollama/small', { size: GB });
  const large = candidate('ollama/large', { size: 8 * GB });
  const slow = candidate('ollama/slow', { size: 9 * GB, speed: { firstTokenMs: 900, tokensPerSecond: 2, answers: 1 } });
  const huge = candidate('ollama/huge', { size: 40 * GB });
  const coder = candidate('ollama/qwen2.5-coder:7b', { size: 5 * GB });
  const far = candidate('openai/gpt-4o-mini', { price: { input: 0.15, output: 0.6 } });
  const dear = candidate('openai/gpt-4o', { price: { input: 5, output: 15 } });
  const unknown = candidate('ollama/unknown', { size: 2 * GB, speed: null });
  const all = [far, huge, slow, unknown, small, coder, large, dear];
  const order = (use: (typeof uses)[number]) => advise(all, use, 24 * GB).map(({ ref }) => ref.replace(/^\w+\//, ''));

  test('to chat: the largest that is quick enough and stays here, then what is far, not measured, slow, and cannot be', () => {
    expect(order('chat')).toEqual('large qwen2.5-coder:7b small gpt-4o-mini gpt-4o unknown slow huge'.split(' '));
  });

  test('for code: what is made for it; for batches: what costs least, then what is quickest', () => {
    expect(order('code')[0]).toBe('qwen2.5-coder:7b');
    const batch = order('batch');
    expect(batch.indexOf('gpt-4o-mini')).toBeLessThan(batch.indexOf('gpt-4o'));
    expect(batch.indexOf('slow')).toBeLessThan(batch.indexOf('gpt-4o-mini'));
  });

  test.each<[Candidate, (typeof uses)[number], string, RegExp]>([
    [large, 'chat', 'first', /^stays on this machine \(8\.0 GB of 24\.0 GB\); 4\.1 s for 200 tokens; costs nothing$/],
    [slow, 'chat', 'first', /100\.9 s for 200 tokens, which is slow/],
    [far, 'chat', 'first', /^leaves this machine; .*; \$0\.15 and \$0\.6 a million tokens in and out$/],
    [unknown, 'chat', 'first', /its speed is not measured yet/],
    [coder, 'code', 'first', /made for code, by its name/],
    [huge, 'batch', 'no', /^it needs about 48\.0 GB of memory, and this machine has 24\.0 GB$/],
    [{ ...large, isThere: false }, 'chat', 'no', /does not list it now/],
    [{ ...large, chats: false }, 'chat', 'no', /does not answer chats/],
    [{ ...large, context: 2_048 }, 'code', 'no', /its context of 2048 tokens is short for code/],
  ])('$ref for %s', (one, use, verdict, reason) => {
    expect(advise([one], use, 24 * GB)).toMatchObject([{ verdict, reason: expect.stringMatching(reason) as string }]);
  });

  test('nothing is lost, and what cannot be used is never before what can', () => {
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary);
    const any: fc.Arbitrary<Candidate> = fc.record({
      ref: fc.stringMatching(/^(ollama|groq)\/[a-d]{1,3}$/),
      locality: fc.constantFrom('local', 'remote'),
      isThere: fc.boolean(),
      chats: maybe(fc.boolean()),
      tools: maybe(fc.boolean()),
      size: maybe(fc.nat(50 * GB)),
      context: maybe(fc.nat(200_000)),
      price: maybe(fc.record({ input: fc.nat(20), output: fc.nat(20) })),
      speed: maybe(
        fc.record({
          firstTokenMs: maybe(fc.nat(9_999)),
          tokensPerSecond: fc.integer({ min: 1, max: 500 }),
          answers: fc.constant(1),
        }),
      ),
    });
    fc.assert(
      fc.property(fc.uniqueArray(any, { selector: ({ ref }) => ref }), fc.constantFrom(...uses), (some, use) => {
        const found = advise(some, use, 24 * GB);
        expect(found.map(({ ref }) => ref).toSorted()).toEqual(some.map(({ ref }) => ref).toSorted());
        const usable = found.map(({ verdict }) => verdict !== 'no');
        expect(usable).toEqual(usable.toSorted((a, b) => Number(b) - Number(a)));
        expect(found.every(({ reason }) => reason.length > 0)).toBe(true);
      }),
    );
  });

  test('the table says what to do for what is not measured', () => {
    expect(describeAdvice(advise([unknown], 'code', GB * 24), 'code')).toMatch(/advise --for code --measure/);
    expect(describeAdvice(advise([small], 'chat', GB * 24), 'chat')).toMatch(
      /first +ollama\/small +100 ms +50\.0 +- +stays/,
    );
    expect(describeAdvice([], 'chat')).toMatch('No provider lists a model');
  });
});
