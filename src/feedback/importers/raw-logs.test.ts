import { expect, test } from 'vitest';
import { exchangesIn, leftOutOf, readImportFile, saidIn } from '../../../test/fixtures/imports/reading.ts';
import { nvidia } from './nvidia.ts';
import { openpipe } from './openpipe.ts';

test('OpenPipe: request and answer as they were sent and got', async () => {
  const [river, weather, ...rest] = exchangesIn(await readImportFile(openpipe, 'openpipe/log.jsonl'));
  expect(rest).toEqual([]);
  expect(river && saidIn(river)).toEqual([
    'system: Answer in one line.',
    'user: Which river runs through Vienna?',
    'assistant: The Danube.',
  ]);
  expect(river?.chat).toMatchObject({
    model: 'gpt-4o-mini-2024-07-18',
    envelope: { model: 'gpt-4o-mini', temperature: 0.2 },
    response: { id: 'chatcmpl-1', usage: { total_tokens: 28 } },
    choices: [{ index: 0, finishReason: 'stop', extra: { logprobs: null } }],
    promptTokens: 24,
    completionTokens: 4,
    createdAt: 1_718_000_000_000,
    origin: { format: 'openpipe', tags: { prompt_id: 'rivers' } },
  });
  expect(river?.feedback).toEqual([]);
  expect(weather?.chat.envelope.tools).toHaveLength(1);
  expect(weather?.chat.choices[0]?.message.tool_calls).toHaveLength(1);
});

test('NVIDIA: the client is whose turns belong together, the time is in seconds', async () => {
  const [ticket] = exchangesIn(await readImportFile(nvidia, 'nvidia/log.jsonl'));
  expect(ticket?.chat).toMatchObject({
    model: 'meta/llama-3.1-70b-instruct',
    scope: 'desk-1',
    createdAt: 1_715_854_074_000,
    origin: { format: 'nvidia', workload_id: 'tickets', client_id: 'desk-1' },
  });
});

test.each([
  [
    openpipe,
    'openpipe/malformed.jsonl',
    [
      ['line 2', '"input.messages" must be a list of messages, each with a role.'],
      ['line 3', '"output.choices" must each have an index of its own.'],
      ['line 4', '"output" must be the answer, an object.'],
      ['line 5', undefined],
      ['line 6', undefined],
    ],
  ],
  [
    nvidia,
    'nvidia/malformed.jsonl',
    [
      ['line 2', '"request.model" must name the model.'],
      ['line 3', '"request.messages" must be a list of messages, each with a role.'],
      ['line 4', '"request" must be the request, an object.'],
    ],
  ],
])('$format: what cannot be read is left out with its place, and the rest is taken', async (importer, file, faults) => {
  const items = await readImportFile(importer, file);
  expect(exchangesIn(items).map(({ chat }) => chat.choices[0]?.message.content)).toEqual(['kept']);
  expect(leftOutOf(items).map(({ at, detail }) => [at, detail])).toEqual(faults);
});
