import type { ApiClient } from '../api-client.ts';
import { type World, inHouseStyle, isGood } from './world.ts';

/** Chats asked at once; the tiny model answers one after another anyway. */
const concurrency = 4;

export interface RatedChats {
  chats: number;
  approved: number;
  corrected: number;
}

/** Chats with the active model through the gateway, and rates and corrects as the sample raters would. */
export async function rateChats(
  api: ApiClient,
  world: World,
  count: number,
  onProgress: (done: number) => void,
): Promise<RatedChats> {
  const questions = world.train_prompts.slice(0, count);
  const rated: RatedChats = { chats: 0, approved: 0, corrected: 0 };
  const queue = questions.values();
  const rater = async () => {
    for (const question of queue) {
      const completion = await ask(api, question.prompt);
      const good = isGood(world, question, completion.text);
      await api.post('/api/feedback', {
        completion_id: completion.id,
        rating: good ? 1 : -1,
        ...(good ? {} : { correction: inHouseStyle(world, question) }),
      });
      rated.chats += 1;
      rated[good ? 'approved' : 'corrected'] += 1;
      onProgress(rated.chats);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, rater));
  return rated;
}

/** One chat with the active model, as any OpenAI client would have it. */
export async function ask(api: ApiClient, prompt: string): Promise<{ id: string; text: string }> {
  const answer = await api.post<{ id: string; choices: { message: { content: string } }[] }>('/v1/chat/completions', {
    model: 'active',
    messages: [{ role: 'user', content: prompt }],
    temperature: 0,
    seed: 1,
    max_tokens: 96,
  });
  return { id: answer.id, text: answer.choices[0]?.message.content ?? '' };
}
