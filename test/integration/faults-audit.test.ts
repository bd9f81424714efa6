import { describe, expect, test } from 'vitest';
import { auditAnswers } from '../fixtures/faults/audit.ts';
import { auditChains } from '../fixtures/faults/chains.ts';
import type { CompletionRecord } from '../../src/store/types.ts';
import type { ChatEnd } from '../fixtures/faults/chat.ts';
import { faultWeights } from '../fixtures/faults/kinds.ts';
import { answerOf } from '../fixtures/faults/origin.ts';
import type { Injected } from '../fixtures/faults/proxy.ts';
import { randomOf } from '../fixtures/faults/random.ts';
import type { Sound } from '../fixtures/faults/raw.ts';
import { scriptOf } from '../fixtures/faults/script.ts';

const end = (text: string, more: Partial<ChatEnd> = {}): ChatEnd => {
  return {
    question: 'q',
    model: 'alpha-first',
    stream: false,
    end: 'whole',
    text,
    code: null,
    message: '',
    ms: 1,
    ...more,
  };
};
const injected = (provider: string, gives: string | null): Injected => {
  return { provider, question: 'q', kind: 'none', gives, fails: gives === null, at: 0 };
};

describe('an answer is wrong', () => {
  test.each<[string, Injected[], ChatEnd, boolean]>([
    ['when nobody gave it', [injected('alpha', 'yes')], end('no'), true],
    ['when it is a part of one', [injected('alpha', 'yes and no')], end('yes'), true],
    ['when it is two in one', [injected('alpha', 'a'), injected('beta', 'b')], end('ab'), true],
    ['when who gave it gave nothing whole', [injected('alpha', null)], end(''), true],
    ['never when one gave it', [injected('alpha', null), injected('beta', 'b')], end('b'), false],
    ['never when it is an error', [injected('alpha', 'yes')], end('ye', { end: 'error' }), false],
  ])('%s', (_, given, got, wrong) => {
    expect(auditAnswers([got], given)).toHaveLength(wrong ? 1 : 0);
  });
});

describe('the tries of a chat', () => {
  const attempt = (provider: string) => ({ provider, model: 'tiny', code: 'ProviderUnavailable' });
  const audit = (seen: Injected[], attempts: string[], last: string, breakers = false, got = end('c')) => {
    const record = { attempts: attempts.map(attempt), provider: last } as unknown as CompletionRecord;
    return auditChains([got], seen, new Map([['q', [record]]]), { deadlineMs: 1_000, breakers });
  };
  const [beta, gamma] = [injected('beta', null), injected('gamma', 'c')];

  test.each<[string, ReturnType<typeof audit>, number]>([
    ['agree when each is noted', audit([beta, gamma], ['alpha', 'beta'], 'gamma'), 0],
    ['agree when one was asked again', audit([beta, beta, gamma], ['alpha', 'beta', 'beta'], 'gamma'), 0],
    ['do not when one is not noted', audit([beta, gamma], ['alpha'], 'gamma'), 1],
    ['do not when one is noted that was not asked', audit([gamma], ['alpha', 'beta'], 'gamma'), 1],
    ['agree then when it may have been left alone', audit([gamma], ['alpha', 'beta'], 'gamma', true), 0],
    ['do not when more were asked than are noted', audit([beta, beta, gamma], ['beta'], 'gamma', true), 1],
  ])('%s', (_, { miscounted }, count) => expect(miscounted).toHaveLength(count));

  test('leave nobody out before a chat fails', () => {
    const failed = end('', { end: 'error' });
    expect(audit([beta], ['alpha'], 'beta', false, failed).notPassedOver).toHaveLength(1);
    expect(audit([beta], ['alpha', 'gamma'], 'beta', false, failed).notPassedOver).toHaveLength(0);
    expect(audit([beta], ['alpha'], 'beta', true, failed).notPassedOver).toHaveLength(0);
    expect(audit([beta], ['alpha'], 'beta', false, { ...failed, ms: 1_000 }).notPassedOver).toHaveLength(0);
  });
});

describe.each(faultWeights.map(([kind]) => kind))('the fault "%s"', (kind) => {
  const said = answerOf('alpha', 'q');
  const frame = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const stop = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })}\n\n`;
  const sounds: Sound[] = [
    {
      status: 200,
      contentType: 'text/event-stream',
      body: Buffer.from(`${said.map(frame).join('')}${stop}data: [DONE]\n\n`),
    },
    {
      status: 200,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify({ choices: [{ message: { content: said.join('') } }] })),
    },
  ];

  test('is the same for the same seed, and never gives a part of the answer', () => {
    for (const sound of sounds) {
      for (let seed = 0; seed < 50; seed += 1) {
        const script = scriptOf(kind, sound, randomOf(kind, seed));
        expect(bytesOf(scriptOf(kind, sound, randomOf(kind, seed)))).toEqual(bytesOf(script));
        if (kind !== 'duplicate frames') expect([null, said.join('')]).toContain(script.gives);
        if (script.gives === null) expect(bytesOf(script).includes(sound.body)).toBe(false);
      }
    }
  });
});

function bytesOf(script: ReturnType<typeof scriptOf>): Buffer {
  // A date is a second later now and then.
  const bytes = Buffer.concat(script.pieces.map(({ bytes }) => bytes));
  return Buffer.from(bytes.toString('latin1').replace(/retry-after: \w+,[^\r]*/, ''), 'latin1');
}
