import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientHouse, oneThread, openClientHouse } from '../fixtures/clients/house.ts';
import { runPythonClient } from '../fixtures/clients/run-python.ts';

let house: ClientHouse;
beforeAll(async () => {
  house = await openClientHouse();
});
afterAll(() => house.close());

const said = (text: string): string => `You said: ${text} 👋🏽`;

test('LiteLLM: whole, streamed, with tools, structured, refused', async () => {
  const saw = await runPythonClient('litellm_client.py', [house.baseUrl, 'wire/tiny']);
  const records = await house.records();
  const tool = { name: 'weather', arguments: { city: 'Köln' }, finish: 'tool_calls', content: 'The tool says: grey' };
  expect(saw).toMatchObject({
    chat: {
      content: said('Hello, LiteLLM'),
      usage: 10,
      streamed: said('And now?'),
      built: said('And now?'),
      stream_usage: 10,
    },
    tools: tool,
    tools_streamed: tool,
    structured: { name: 'Zoë', age: 7 },
    later: said('Asynchronously, please'),
    errors: {
      400: { type: 'BadRequestError', status: 400 },
      404: { type: 'NotFoundError', status: 404 },
      429: { type: 'RateLimitError', status: 429 },
      500: { type: expect.stringMatching(/InternalServerError|BadGatewayError|APIError/) as string },
    },
    unknown: { type: 'NotFoundError', status: 404 },
    empty: { type: 'BadRequestError', status: 400 },
    broken: { text: expect.stringMatching(/broke|whole/) as string },
  });
  const chat = saw.chat as { id: string; stream_ids: string[] };
  expect(records.slice(0, 2).map(({ id }) => id)).toEqual([chat.id, ...chat.stream_ids]);
  oneThread(records.slice(0, 2));
  oneThread(records.slice(2, 4));
  oneThread(records.slice(4, 6));
  expect(records.at(-1)).toMatchObject({ state: 'interrupted', stream: true });
});

describe.each(['auto', 'litellm'])('DSPy with its engine "%s"', (engine) => {
  test('two turns, a program, its reasons, a stream, an agent with a tool, an error', async () => {
    const saw = await runPythonClient('dspy_client.py', [house.baseUrl, 'wire/tiny', engine]);
    const records = await house.records();
    const answer = 'Grey, with a chance of 👋🏽';
    expect(saw).toMatchObject({
      turns: [said('Hello, DSPy'), said('And now?')],
      predicted: answer,
      reasoned: { reasoning: 'Looked out of the window.', answer },
      streamed: { final: answer },
      acted: { answer, trajectory: { observation_0: 'grey in Köln' } },
      error: { type: expect.stringMatching(/RateLimit/) as string },
    });
    const { pieces } = saw.streamed as { pieces: string[] };
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(answer);
    expect(records.some(({ stream }) => stream)).toBe(true);
    oneThread(records.slice(0, 2));
  });
});
