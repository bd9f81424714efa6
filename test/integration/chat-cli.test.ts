import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { reviewRoutes } from '../../src/api/review.ts';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import type { FeedbackRecord, Store } from '../../src/store/types.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, delta, finish, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
let url: string;

beforeAll(async () => {
  wire = await startWireServer(['tiny', 'other']);
});
afterAll(() => wire.close());
beforeEach(async () => {
  const selection = () => ({ provider: 'wire', model: 'tiny' });
  const routes = (store: Store) => [reviewRoutes({ store, random: () => 0.5 })];
  harness = await openHarness({ providers: [wireProvider(wire.url)], selection, routes });
  url = await harness.serve();
  wire.answerWith(whole('Hello there'));
});
afterEach(() => harness.close());

function start(...args: string[]): ChildProcessWithoutNullStreams & { said: () => string } {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/ratchet.js'), ...args], { env: childEnvironment() });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => (text += more));
  return Object.assign(child, { said: () => text });
}

async function run(args: string[], input = ''): Promise<{ code: number | null; said: string }> {
  const child = start(...args);
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.end(input);
  const code = await closed;
  return { code, said: child.said() };
}

async function feedback(): Promise<FeedbackRecord[]> {
  return (await harness.store.feedback.list({ limit: 50, order: 'asc' })).items;
}

describe('ratchet chat', () => {
  test('--once prints the answer; with --json what is needed to rate it', async () => {
    expect(await run(['chat', '--url', url, '--once', 'Hi'])).toEqual({ code: 0, said: 'Hello there\n' });
    const { said } = await run(['chat', '--url', url, '--once', 'Hi', '--model', 'wire/tiny', '--json']);
    const answer = JSON.parse(said) as { completion_id: string };
    expect(answer).toMatchObject({ content: 'Hello there', provider: 'wire', model: 'tiny', stopped: false });
    expect(await harness.store.chats.get(answer.completion_id)).toMatchObject({ state: 'complete' });
  });

  test('a conversation that is rated, corrected, goes on and begins anew', async () => {
    const lines = [
      'Hi',
      '/good nice',
      '/bad',
      '/fix Hello!',
      'And?',
      '/new',
      '/good',
      '/model wire/other',
      'Hi',
      '/nonsense',
      '/quit',
    ];
    const { code, said } = await run(['chat', '--url', url], `${lines.join('\n')}\n`);
    expect(code).toBe(0);
    expect(said.match(/Noted\./g)).toHaveLength(3);
    expect(said).toMatch(/no answer to rate yet[\s\S]*wire\/other from now on[\s\S]*no \/nonsense/);
    expect(await feedback()).toMatchObject([
      { rating: 1, comment: 'nice', source: 'cli' },
      { rating: -1 },
      { correction: { role: 'assistant', content: 'Hello!' } },
    ]);
    const { items } = await harness.store.chats.list({}, { limit: 9, order: 'asc' });
    expect(items.map(({ model }) => model)).toEqual(['tiny', 'tiny', 'other']);
    expect(items[1]?.messages.map(({ content }) => content)).toEqual(['Hi', 'Hello!', 'And?']);
    expect(items[1]?.conversationId).toBe(items[0]?.conversationId);
    expect(items[2]?.conversationId).not.toBe(items[0]?.conversationId);
  });

  test('Ctrl-C stops the answer and not the program', async () => {
    wire.answerWith(streamOf([delta({ role: 'assistant', content: 'Once upon' })], { ending: 'hang' }));
    const child = start('chat', '--url', url);
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
    child.stdin.write('Tell me\n');
    await vi.waitFor(() => expect(child.said()).toMatch('Once upon'), { timeout: 60_000 });
    child.kill('SIGINT');
    await vi.waitFor(() => expect(child.said()).toMatch('(stopped)'), { timeout: 60_000 });
    wire.answerWith(streamOf([delta({ content: 'Bye' }), finish('stop')]));
    child.stdin.end('Go on\n/quit\n');
    expect(await closed).toBe(0);
    expect(child.said()).toMatch('Bye');
    const { items } = await harness.store.chats.list({}, { limit: 9, order: 'asc' });
    expect(items.map(({ state }) => state)).toEqual(['interrupted', 'complete']);
  });

  test.each([['chat'], ['chat', '--once', 'Hi'], ['rate'], ['rate', '--list']])(
    '%s %s without the API says how to start it',
    async (...args) => {
      const { code, said } = await run([...args, '--url', 'http://127.0.0.1:9']);
      expect(code).toBe(1);
      expect(said).toMatch('start it with "ratchet up"');
      expect(said.trim().split('\n')).toHaveLength(1);
    },
  );

  test('an error is one sentence', async () => {
    const { code, said } = await run(['chat', '--url', url, '--once', 'Hi', '--model', 'wire-tine']);
    expect(code).toBe(1);
    expect(said).toMatch(/^ratchet: No provider lists a model "wire-tine"/);
  });
});

describe('ratchet rate', () => {
  test('walks through what is unrated, newest first', async () => {
    for (const content of ['one', 'two', 'three', 'four']) {
      await harness.chat({ model: 'active', messages: [{ role: 'user', content }] });
    }
    const listed = await run(['rate', '--url', url, '--list', '--json']);
    const prompts = listed.said
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { messages: { content: string }[] });
    expect(prompts.map(({ messages }) => messages[0]?.content)).toEqual(['four', 'three', 'two', 'one']);
    const { said } = await run(['rate', '--url', url], 'g\nb\ntoo short\nf\nLine one\nLine two\n\nq\n');
    expect(said).toMatch('3 rated.');
    expect(await feedback()).toMatchObject([
      { rating: 1 },
      { rating: -1, comment: 'too short' },
      { correction: { content: 'Line one\nLine two' } },
    ]);
    const left = await run(['rate', '--url', url, '--list']);
    expect(left.said).toMatch(/wire\/tiny {2}one\n$/);
    expect(left.said.split('\n')).toHaveLength(2);
  });

  test('says why, shows what a correction changed, takes the previous back, and gives back what was skipped', async () => {
    for (const content of ['one', 'two', 'three']) {
      await harness.chat({ model: 'active', messages: [{ role: 'user', content }] });
    }
    await harness.gateway.settled();
    const { items } = await harness.store.chats.list({}, { limit: 1, order: 'asc' });
    const [first] = items;
    const event = { completionId: first?.id ?? '', choice: 0, source: 'api' };
    await harness.store.feedback.add({ ...event, rater: 'ada', rating: 1 });
    await harness.store.feedback.add({ ...event, rater: 'bob', rating: -1 });
    const { said, code } = await run(['rate', '--url', url, '--tag', 'none'], '');
    expect({ said, code }).toEqual({ said: '0 rated.\n', code: 0 });
    const walk = await run(['rate', '--url', url], 'p\ng\np\nf\nHello everybody\n\ns\ng\n');
    expect(walk.said).toMatch('Nothing was rated yet.');
    expect(walk.said.match(/raters disagree about it/g)).toHaveLength(3);
    expect(walk.said).toMatch('≠ Hello [-there-]{+everybody+}');
    expect(walk.said).toMatch('1 words left out, 1 put in.');
    expect(walk.said).toMatch(/No more answers to rate\.\n2 rated\.\n$/);
    const own = (await feedback()).filter(({ rater }) => rater === 'local');
    expect(own).toMatchObject([{ rating: 1 }, { undoes: own[0]?.id }, { correction: {} }, { rating: 1 }]);
    const again = await run(['rate', '--url', url], 'q\n');
    expect(again.said).toMatch(/to be rated\n\n {2}three\n/);
    expect((await run(['review', 'agreement', '--url', url])).said).toMatch(
      /alpha of ratings {2}0\.000 .*2 on 1 answers, 1 pairs[^]*local {2}1 ratings, 1 of them up[^]*ada and bob {2}0 of 1 ratings equal/,
    );
    const figures = await run(['review', 'agreement', '--url', url, '--json']);
    expect(JSON.parse(figures.said)).toMatchObject({ scores: { alpha: null }, raters: { length: 3 } });
  });

  test('begins with what a build set aside, and shows the answer that it contradicts', async () => {
    for (const [content, answer] of Object.entries({ 'open?': 'Yes, it is.', 'open ?': 'Yes it is' })) {
      wire.answerWith(whole(answer));
      await harness.chat({ model: 'active', messages: [{ role: 'user', content }] });
    }
    await harness.gateway.settled();
    const { items } = await harness.store.chats.list({}, { limit: 2, order: 'asc' });
    const [good, bad] = items.map(({ id }) => ({ completionId: id, choice: 0 }));
    if (!good || !bad) throw new Error('no chats');
    await harness.store.feedback.add({ ...good, source: 'api', rater: 'local', rating: 1 });
    await harness.store.feedback.add({ ...bad, source: 'api', rater: 'local', rating: -1 });
    const answers = [{ answer: bad, other: good }];
    await harness.store.review.setAside({ name: 'support', digest: 'd', since: Date.now(), answers });
    const { said } = await run(['rate', '--url', url], 'g\n');
    expect(said).toMatch(/it contradicts another answer\n\n {2}open \?\n\n→ Yes it is\n\nIt contradicts /);
    expect(said).toMatch(new RegExp(`It contradicts ${good.completionId}, .*\n\n↔ Yes, it is\\.\n`));
    expect(said).toMatch(/No more answers to rate\.\n1 rated\.\n$/);
  });
});
