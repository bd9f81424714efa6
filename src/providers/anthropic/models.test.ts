import { expect, test } from 'vitest';
import { generationOf } from './models.ts';

test.each([
  ['claude-2.1', 4_096, 'none', false],
  ['claude-3-haiku-20240307', 4_096, 'none', false],
  ['claude-3-5-sonnet-20241022', 8_192, 'none', false],
  ['claude-3-7-sonnet-latest', 64_000, 'budget', false],
  ['claude-opus-4-20250514', 32_000, 'budget', false],
  ['claude-opus-4-1', 32_000, 'budget', true],
  ['claude-sonnet-4-5-20250929', 64_000, 'budget', true],
  ['claude-sonnet-4-6', 128_000, 'effort', true],
  ['claude-opus-5', 128_000, 'effort', true],
  ['claude-mythos-preview', 128_000, 'effort', true],
  ['anthropic/claude-haiku-4.5', 64_000, 'budget', true],
  ['MiniMax-M2', 8_192, 'budget', false],
] as const)('%s', (model, maxTokens, thinking, schemas) => {
  expect(generationOf(model)).toMatchObject({ maxTokens, thinking, schemas });
});
