import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Question, inHouseStyle } from '../../src/cli/demo/world.ts';
import type { RecipeInput } from '../../src/core/recipe.ts';
import type { NewFeedback, Store } from '../../src/store/types.ts';
import { openHouse } from '../../src/workspace/house.ts';
import { eventsOf } from '../fixtures/cycle-events.ts';
import {
  type TestWorkspace,
  inState,
  recordAnswer,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

let house: TestWorkspace;
/** Pairs that nobody approved of, then answers with thumbs of either side, more of them down. */
const [pairs, good, bad] = [60, 50, 60];

beforeAll(async () => {
  house = await startTestWorkspace();
  const opened = await openHouse(house.config);
  try {
    await rate(opened.store, house.world.train_prompts);
  } finally {
    await opened.close();
  }
});
afterAll(() => house?.stop());

test.each([
  ['dpo', 'pairs', { epochs: 6, batch_size: 8 }, ['preference_loss', 'accuracy', 'chosen_reward', 'rejected_reward']],
  ['kto', 'thumbs', { epochs: 8, batch_size: 8 }, ['divergence', 'chosen_reward', 'rejected_reward']],
] as const)('by %s a cycle learns the house style from %s', async (method, tag, train, figures) => {
  const recipe: Partial<RecipeInput> = {
    name: tag,
    collect: { tags: [tag] },
    gate: { metric: 'compliance', max_drop: 0.3 },
  };
  const id = await startCycle(house.api, testRecipe(house.world, { ...recipe, promote: 'manual', train }));
  const cycle = await untilCycle(house.api, id, inState('awaiting_approval', 'needs_attention', 'completed'));
  expect(cycle).toMatchObject({ state: 'awaiting_approval', outputs: { gate: { decision: 'pass' } } });
  expect(cycle.outputs.train).toMatchObject({ method, why: expect.stringContaining('most is known of') });
  const events = await eventsOf(house, id);
  await house.api.post(`/api/cycles/${id}/abort`, {});
  await untilCycle(house.api, id, inState('aborted'));
  expect(events.find(({ data }) => data.method === method)?.data).toEqual({
    method,
    message: cycle.outputs.train?.why,
  });
  // A batch may hold thumbs of one side only, and then tells no reward of the other.
  const last = Object.assign({}, ...events.map(({ data }) => data).filter(({ event }) => event === 'step'));
  expect(last).toMatchObject(Object.fromEntries(figures.map((name) => [name, expect.any(Number)])));
  expect(last.chosen_reward).toBeGreaterThan(last.rejected_reward);
});

async function rate(store: Store, questions: readonly Question[]): Promise<void> {
  const say = (question: Question, styled: boolean) =>
    recordAnswer(store, question.prompt, styled ? inHouseStyle(house.world, question) : question.answer);
  const note = async (completionId: string, feedback: Partial<NewFeedback>) =>
    store.feedback.add({ completionId, choice: 0, rater: 'local', source: 'api', ...feedback });
  for (const question of questions.slice(0, pairs)) {
    const [better, worse] = [await say(question, true), await say(question, false)];
    await note(better, { over: [{ completionId: worse, choice: 0 }], tags: ['pairs'] });
  }
  for (const [index, question] of questions.slice(pairs, pairs + good + bad).entries()) {
    const styled = index < good;
    await note(await say(question, styled), { rating: styled ? 1 : -1, tags: ['thumbs'] });
  }
}
