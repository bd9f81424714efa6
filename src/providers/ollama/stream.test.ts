import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { createNativeStream } from './stream.ts';

const fault = (problem: string): RatchetError => new RatchetError('ProviderUnavailable', problem);

test('any text comes through, cut at any byte', () => {
  const anyText = fc.string({ unit: 'binary', minLength: 1 });
  fc.assert(
    fc.property(anyText, anyText, fc.array(fc.nat(2_000)), (content, thinking, cuts) => {
      const lines = [
        { model: 'm', message: { role: 'assistant', content: '', thinking }, done: false },
        { model: 'm', message: { role: 'assistant', content }, done: false },
        {
          model: 'm',
          message: { role: 'assistant', content: '' },
          done: true,
          done_reason: 'stop',
          prompt_eval_count: 2,
          eval_count: 3,
        },
      ];
      const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const stream = createNativeStream({
        path: 'chat',
        frame: { id: 'i', model: 'm', created: 1 },
        usage: true,
        malformed: fault,
        reported: () => fault('reported'),
      });
      const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const text = edges.slice(1).flatMap((edge, at) => [...stream.push(bytes.subarray(edges[at], edge))]);
      const frames = [...text, ...stream.end()]
        .join('')
        .split('\n\n')
        .filter((frame) => frame !== '');
      expect(frames.pop()).toBe('data: [DONE]');
      const chunks = frames.map(
        (frame) => JSON.parse(frame.slice(6)) as { choices: { delta: Record<string, string> }[] },
      );
      const grown = (field: string): string =>
        chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta[field] ?? '')).join('');
      expect(grown('content')).toBe(content);
      expect(grown('reasoning')).toBe(thinking);
      expect(chunks.at(-1)).toMatchObject({ usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 } });
    }),
  );
});
