import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../core/canonical.ts';
import { type Ability, type ModelFacts, abilities } from '../core/capabilities.ts';
import { RatchetError } from '../core/errors.ts';
import type { Provider } from '../providers/types.ts';
import type { Capabilities } from './capabilities.ts';
import { createFit } from './capabilities-fit.ts';
import { leastTokens, needsOf } from './capabilities-needs.ts';
import { chatOperation } from './operations/chat.ts';
import { embeddingsOperation } from './operations/embeddings.ts';
import { responsesOperation } from './operations/responses/operation.ts';
import { textOperation } from './operations/text.ts';
import type { Plan } from './policy.ts';
import type { Call, Operation } from './ports.ts';

const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
const schema = { type: 'json_schema', json_schema: { name: 'a', schema: {} } };
const tool = { type: 'function', function: { name: 'look' } };
const hello = [{ role: 'user', content: 'Hello' }];

function callOf(operation: Operation, body: JsonObject): Call {
  const sent = { model: 'a', ...body };
  return operation.read(sent, JSON.stringify(sent));
}

describe('what a request needs', () => {
  test.each<[string, Operation, JsonObject, Ability[]]>([
    ['a chat', chatOperation, { messages: hello }, ['chat']],
    ['a stream', chatOperation, { messages: hello, stream: true }, ['chat', 'stream']],
    ['tools', chatOperation, { messages: hello, tools: [tool] }, ['chat', 'tools']],
    [
      'functions, as they were called',
      chatOperation,
      { messages: hello, functions: [{ name: 'look' }] },
      ['chat', 'tools'],
    ],
    ['no tools', chatOperation, { messages: hello, tools: [] }, ['chat']],
    ['a picture', chatOperation, { messages: [{ role: 'user', content: [picture] }] }, ['chat', 'vision']],
    ['JSON', chatOperation, { messages: hello, response_format: { type: 'json_object' } }, ['chat', 'json']],
    ['a schema', chatOperation, { messages: hello, response_format: schema }, ['chat', 'json']],
    ['text', chatOperation, { messages: hello, response_format: { type: 'text' } }, ['chat']],
    ['a text that goes on', textOperation, { prompt: 'Once' }, []],
    ['vectors', embeddingsOperation, { input: 'a' }, ['embeddings']],
    [
      'a Response',
      responsesOperation,
      {
        input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }] }],
        tools: [{ type: 'function', name: 'look' }],
        text: { format: { type: 'json_object' } },
      },
      ['chat', 'tools', 'vision', 'json'],
    ],
  ])('%s', (_what, operation, body, needed) => {
    expect(needsOf(callOf(operation, body), operation.kind).map(({ ability }) => ability)).toEqual(needed);
  });

  test.each<[string, Operation, JsonObject, number]>([
    ['a text', chatOperation, { messages: [{ role: 'user', content: 'abcdef'.repeat(10) }] }, 10],
    [
      'parts',
      chatOperation,
      { messages: [{ role: 'user', content: [picture, { type: 'text', text: 'abcdefg' }] }] },
      2,
    ],
    [
      'a line of dashes and white space',
      chatOperation,
      { messages: [{ role: 'user', content: `-${'-'.repeat(999)} ${'\n'.repeat(99)}` }] },
      1,
    ],
    ['a prompt', textOperation, { prompt: ['abcdef', 'ghijkl'] }, 2],
    ['a prompt in tokens is not measured', textOperation, { prompt: [1, 2, 3] }, 0],
  ])('how long it is at least: %s', (_what, operation, body, tokens) => {
    expect(leastTokens(callOf(operation, body))).toBe(tokens);
  });
});

/** Models by name, all of one provider, and who could do it. */
function fitOf(models: Record<string, ModelFacts>, able: string[] = []) {
  const provider = { name: 'box' } as Provider;
  const capabilities: Capabilities = {
    facts: (_provider, model) => {
      const facts = models[model] ?? { abilities: {} };
      return { ...facts, lacks: abilities.filter((ability) => facts.abilities[ability] === false) };
    },
    learn: async () => undefined,
    able: () => able,
  };
  const plan: Plan = {
    targets: Object.keys(models).map((model) => ({ provider, model })),
    record: 'all',
    route: null,
    spared: null,
    forced: null,
    leftOut: [],
  };
  return { plan, fit: createFit(capabilities) };
}

function errorOf(act: () => unknown): RatchetError {
  try {
    act();
  } catch (error) {
    if (error instanceof RatchetError) return error;
  }
  throw new Error('it was not refused');
}

const withTools = callOf(chatOperation, { messages: hello, tools: [tool] });

describe('who is left out', () => {
  test('nobody, where nothing is known or nothing is lacking: the plan is the very same', () => {
    const { plan, fit } = fitOf({ unknown: { abilities: {} }, blind: { abilities: { vision: false, tools: true } } });
    expect(fit(plan, withTools, 'chat')).toBe(plan);
  });

  test('who is known to lack it, with the reason', () => {
    const { plan, fit } = fitOf({ plain: { abilities: { tools: false } }, unknown: { abilities: {} } });
    const fitted = fit(plan, withTools, 'chat');
    expect(fitted.targets.map(({ model }) => model)).toEqual(['unknown']);
    expect(fitted.leftOut).toEqual([{ ref: 'box/plain', reason: 'cannot call tools' }]);
  });

  test.each<[string, Operation, JsonObject, ModelFacts, string, string, string | null]>([
    [
      'tools',
      chatOperation,
      { messages: hello, tools: [tool] },
      { abilities: { tools: false } },
      'InvalidInput',
      'box/plain cannot call tools: ask',
      'tools',
    ],
    [
      'a picture',
      chatOperation,
      { messages: [{ role: 'user', content: [picture] }] },
      { abilities: { vision: false } },
      'InvalidInput',
      'cannot see pictures',
      'messages',
    ],
    [
      'JSON',
      chatOperation,
      { messages: hello, response_format: schema },
      { abilities: { json: false } },
      'InvalidInput',
      'to JSON',
      'response_format',
    ],
    [
      'a stream',
      chatOperation,
      { messages: hello, stream: true },
      { abilities: { stream: false } },
      'InvalidInput',
      'does not stream',
      'stream',
    ],
    [
      'a chat',
      chatOperation,
      { messages: hello },
      { abilities: { chat: false } },
      'InvalidInput',
      'does not chat',
      null,
    ],
    [
      'vectors',
      embeddingsOperation,
      { input: 'a' },
      { abilities: { embeddings: false } },
      'NotFound',
      'makes no embeddings',
      null,
    ],
    [
      'a long prompt',
      chatOperation,
      { messages: [{ role: 'user', content: 'abcdef'.repeat(600) }] },
      { abilities: {}, context: 512 },
      'InvalidInput',
      "this model's maximum context length is 512 tokens and the prompt has 600 at least: shorten it, or ask",
      'messages',
    ],
  ])('everybody: %s', (_what, operation, body, facts, code, message, param) => {
    const { plan, fit } = fitOf({ plain: facts }, ['near/a', 'near/b', 'far/c', 'far/d']);
    const error = errorOf(() => fit(plan, callOf(operation, body), operation.kind));
    expect(error).toMatchObject({ code, details: { param, able: ['near/a', 'near/b', 'far/c'] } });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch('ask near/a, near/b or far/c, which can.');
  });

  test('everybody, and nobody else is known', () => {
    const { plan, fit } = fitOf({ plain: { abilities: { tools: false } }, short: { abilities: { tools: false } } });
    const { message } = errorOf(() => fit(plan, withTools, 'chat'));
    expect(message).toBe(
      'box/plain cannot call tools: ask another model; none that is listed is known to do it. box/short was not asked: cannot call tools.',
    );
  });

  test('who may be asked is whoever is not known to lack what is needed, whatever is known', () => {
    const facts = fc.record({
      abilities: fc.dictionary(fc.constantFrom(...abilities), fc.boolean()),
      context: fc.option(fc.integer({ min: 1, max: 2_000 }), { nil: undefined }),
    });
    const models = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), facts, { minKeys: 1, maxKeys: 6 });
    const body = fc.record({
      stream: fc.boolean(),
      tools: fc.constantFrom<JsonObject[][]>([], [tool]),
      messages: fc.array(
        fc.string({ maxLength: 4_000 }).map((content) => ({ role: 'user', content })),
        { minLength: 1, maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(models, body, (known, sent) => {
        const call = callOf(chatOperation, sent);
        const needed = needsOf(call, 'chat').map(({ ability }) => ability);
        const can = Object.entries(known).flatMap(([model, { abilities: has, context = Infinity }]) =>
          needed.some((ability) => has[ability] === false) || leastTokens(call) > context ? [] : [model],
        );
        const { plan, fit } = fitOf(known as Record<string, ModelFacts>);
        if (can.length === 0) errorOf(() => fit(plan, call, 'chat'));
        else expect(fit(plan, call, 'chat').targets.map(({ model }) => model)).toEqual(can);
      }),
    );
  });
});
