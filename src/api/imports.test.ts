import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Harness, openHarness } from '../../test/fixtures/gateway-harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await openHarness({ providers: [] });
});
afterAll(() => harness.close());

const exchange = (value: unknown) => ({
  kind: 'exchange',
  at: 'line 1',
  chat: {
    model: 'm',
    envelope: { value },
    messages: [{ role: 'user', content: 'Hi' }],
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finishReason: 'stop', extra: {} }],
    response: {},
    promptTokens: null,
    completionTokens: null,
    createdAt: null,
    origin: {},
  },
  feedback: [{ rating: 1 }],
});

async function send(...lines: string[]): Promise<{ status: number; body: Record<string, unknown> }> {
  const url = `${await harness.serve()}/api/import?source=test`;
  const response = await fetch(url, { method: 'POST', body: lines.join('\n') });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('what is taken, once', async () => {
  const line = JSON.stringify(exchange(1));
  const first = { chats: { written: 1, known: 0 }, feedback: { written: 1, known: 0 } };
  expect((await send(line)).body).toMatchObject(first);
  expect((await send(line)).body).toMatchObject({ chats: { known: 1 }, feedback: { known: 1 } });
});

test.each([
  ['no JSON', '{', /Line 1 of the body is no item \(it is not JSON\)/],
  ['no object', '[]', /it is no object/],
  ['no item', '{"kind":"other"}', /kind/],
  ['nested too deep', JSON.stringify(exchange(JSON.parse('['.repeat(4_000) + ']'.repeat(4_000)))), /nested too deep/],
])('%s is refused', async (_name, line, reason) => {
  const { status, body } = await send(line);
  expect(status).toBe(400);
  expect(body.detail).toMatch(reason);
});
