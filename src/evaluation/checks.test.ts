import { describe, expect, test } from 'vitest';
import type { Check } from '../core/recipe.ts';
import { passes, scoreAnswer } from './checks.ts';

const contains = (value: string, ignore_case = true): Check => ({ kind: 'contains', metric: 'm', value, ignore_case });
const regex = (pattern: string, flags = ''): Check => ({ kind: 'regex', metric: 'm', pattern, flags });

describe('passes', () => {
  test.each<[string, Check, string, boolean]>([
    ['a word', contains('helsinki'), 'It is Helsinki.', true],
    ['a word in its case', contains('helsinki', false), 'It is Helsinki.', false],
    ['another Unicode form', contains('caf\u00e9'), 'the cafe\u0301 there', true],
    ['a pattern', regex('^yes\\b', 'i'), 'Yes, it is.', true],
    ['a pattern over lines', regex('^b$', 'm'), 'a\nb\nc', true],
    ['a pattern that is not there', regex('^no'), 'Yes', false],
  ])('%s', (_name, check, answer, expected) => {
    expect(passes(check, answer)).toBe(expected);
  });

  test.each([
    ['is not valid', regex('(')],
    ['takes too long', regex('^(a+)+$')],
  ])('a pattern that %s is InvalidInput', (why, check) => {
    expect(() => passes(check, `${'a'.repeat(40)}!`)).toThrow(
      expect.objectContaining({ code: 'InvalidInput', message: expect.stringContaining(why) as string }),
    );
  });
});

test('scoreAnswer gives the mean of the checks of each metric, and likeness to the reference', () => {
  const checks: Check[] = [
    { ...contains('a'), metric: 'facts' },
    { ...contains('z'), metric: 'facts' },
    { ...contains('b'), metric: 'style' },
  ];
  expect(scoreAnswer({ id: '1', messages: [], checks, reference: null }, 'ab')).toEqual({ facts: 0.5, style: 1 });
  expect(scoreAnswer({ id: '1', messages: [], checks: [], reference: 'ab' }, 'ab')).toEqual({ likeness: 1 });
});
