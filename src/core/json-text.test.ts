import { expect, test } from 'vitest';
import { parseJsonText } from './json-text.ts';

test.each<[string, string]>([
  ['{"api_key": "secret', 'is not valid JSON (line 1, column 20)'],
  ['{\n  "api_key": secret\n}', 'is not valid JSON (line 2, column 14)'],
  ['{"a": 1,\n}', 'is not valid JSON (line 2, column 1)'],
  ['', 'is not valid JSON (line 1, column 1)'],
])('%j', (text, fault) => {
  expect(parseJsonText(text)).toEqual({ fault });
});

test('the mark that some editors put before it is passed over', () => {
  expect(parseJsonText('\uFEFF[1]')).toEqual({ value: [1] });
});
