import { expect, test } from 'vitest';
import { chat, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

/** What every store owes to comparisons and the preferences that come of them. */
export function comparisonSuite(install: NewInstallation): void {
  test('a comparison comes back as it was given, and pages by owner', async () => {
    const store = await (await install()).open();
    const given = (id: string, owner: string, blind = false) => ({
      id,
      owner,
      conversationId: `c-${id}`,
      blind,
      answers: [
        { model: 'ollama/a', completionId: 'x', answered: true },
        { model: 'openai/é', completionId: null, answered: false },
      ],
    });
    const first = await store.comparisons.add(given('1', 'ada', true));
    expect(first).toEqual({ ...given('1', 'ada', true), createdAt: expect.any(Number) });
    const second = await store.comparisons.add(given('2', 'bob'));
    const third = await store.comparisons.add(given('3', 'ada'));
    expect(await store.comparisons.get('1')).toEqual(first);
    expect(await store.comparisons.get('none')).toBeNull();
    expect((await store.comparisons.list({}, { limit: 10 })).items).toEqual([third, second, first]);
    const page = await store.comparisons.list({ owner: 'ada' }, { limit: 1 });
    expect(page.items).toEqual([third]);
    expect(await store.comparisons.list({ owner: 'ada' }, { limit: 1, cursor: page.next ?? '' })).toEqual({
      items: [first],
      next: null,
    });
  });

  test('a preference keeps which answers it is over; one over what is not there is refused', async () => {
    const store = await (await install()).open();
    const [best, other] = [await chat(store, [user('hi')], 'good'), await chat(store, [user('hi')], 'bad')];
    const event = { completionId: best.id, choice: 0, rater: 'ada', source: 'api' };
    const over = [{ completionId: other.id, choice: 0 }];
    const record = await store.feedback.add({ ...event, over });
    expect(record).toMatchObject({ over });
    expect(record).not.toHaveProperty('tiedWith');
    await store.feedback.add({ ...event, tiedWith: over });
    expect((await store.feedback.ofCompletions([best.id])).map(({ over, tiedWith }) => [over, tiedWith])).toEqual([
      [over, undefined],
      [undefined, over],
    ]);
    for (const wrong of [
      { completionId: 'none', choice: 0 },
      { completionId: other.id, choice: 1 },
    ]) {
      await expect(store.feedback.add({ ...event, over: [wrong] })).rejects.toMatchObject({ code: 'NotFound' });
    }
    expect(await store.feedback.ofCompletions([other.id])).toEqual([]);
  });
}
