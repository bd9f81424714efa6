import { expect, test } from 'vitest';
import { baseNameOf } from './source.ts';

test.each([
  ['Qwen/Qwen2.5-0.5B-Instruct', 'qwen2.5-0.5b-instruct'],
  ['./models/My Model (1)', 'my-model-1'],
  ['gpt2', 'gpt2'],
  [`a/${'x'.repeat(90)}`, 'x'.repeat(64)],
  ['a/..b', 'b'],
])('%s is called %s', (from, name) => expect(baseNameOf(from)).toBe(name));

test('where no name can be made, one is asked for', () => {
  expect(() => baseNameOf('a/###')).toThrow('give one with --name');
});
