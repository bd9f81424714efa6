import { expect, test } from 'vitest';
import type { Timing } from './ollama.ts';
import { measureSpeed } from './speed.ts';

/** Gives the times of its models in order, one for each run that is measured, and remembers who was asked. */
function clock(times: Readonly<Record<string, readonly number[]>>) {
  const asked: string[] = [];
  const at: Record<string, number> = {};
  const time = async (model: string, request: { tokens: number }): Promise<Timing> => {
    asked.push(model);
    if (request.tokens < 32) return { tokens: 4, milliseconds: 9999 };
    const place = at[model] ?? 0;
    at[model] = place + 1;
    const perToken = times[model]?.[place % (times[model]?.length ?? 1)] ?? 0;
    return { tokens: 10, milliseconds: perToken * 10 };
  };
  return { asked, time };
}

test('compares medians, so that one slow run says nothing, and loads each model once', async () => {
  const ollama = clock({ model: [11, 11, 11, 900], base: [10, 10, 10, 0.1] });
  const speed = await measureSpeed(ollama, { model: 'model', base: 'base' });
  expect(speed).toEqual({ model: 11, base: 10, slowdown: expect.closeTo(0.1) as number });
  expect(ollama.asked.filter((name, index) => name !== ollama.asked[index - 1])).toEqual(['model', 'base']);
});

test('models that write nothing are not slower', async () => {
  const time = async (): Promise<Timing> => ({ tokens: 0, milliseconds: 5 });
  expect(await measureSpeed({ time }, { model: 'm', base: 'b' })).toEqual({ model: 0, base: 0, slowdown: 0 });
});
