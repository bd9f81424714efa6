import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PromptBody, checkPrompt, renderPrompt } from './prompt.ts';

const template = (content: string, variables: PromptBody['variables'] = {}): PromptBody =>
  checkPrompt({ messages: [{ role: 'system', content }], variables });
const render = (content: string, values: Record<string, string | number | boolean>, variables = {}) =>
  renderPrompt(template(content, variables), values)[0]?.content;

describe('rendering', () => {
  test.each([
    ['Hello {{name}}!', { name: 'Zoë' }, 'Hello Zoë!'],
    ['{{ a }}{{a}}', { a: 1 }, '11'],
    ['{{a}}', { a: '{{b}}' }, '{{b}}'],
    ['{{a}}', { a: '$& $1 $$' }, '$& $1 $$'],
    ['{ {a} } {{1}} {{a b}} {{}}', {}, '{ {a} } {{1}} {{a b}} {{}}'],
    ['{{constructor}}', { constructor: 'x' }, 'x'],
    ['{{on}}', { on: false }, 'false'],
  ])('%s', (text, values, expected) => {
    expect(render(text, values as unknown as Record<string, string>)).toBe(expected);
  });

  test('defaults are taken where nothing is given', () => {
    expect(render('{{tone}}', {}, { tone: { default: 'kind' } })).toBe('kind');
    expect(render('{{tone}}', { tone: '' }, { tone: { default: 'kind' } })).toBe('');
  });

  test('texts among other parts, and nothing else of a message', () => {
    const image = { type: 'image_url', image_url: { url: 'https://x/{{a}}' } };
    const messages = [{ role: 'user', name: '{{a}}', content: [{ type: 'text', text: 'see {{a}}' }, image] }];
    expect(renderPrompt(checkPrompt({ messages, variables: {} }), { a: 'this' })).toEqual([
      { role: 'user', name: '{{a}}', content: [{ type: 'text', text: 'see this' }, image] },
    ]);
  });

  test('any value stands as it is in its place', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, value) => {
        const text = before.replaceAll('{', '').replaceAll('}', '');
        expect(render(`${text}{{v}}${text}`, { v: value })).toBe(`${text}${value}${text}`);
      }),
    );
  });
});

test.each([
  ['a variable that is missing', '{{a}} {{b}}', { a: 'x' }, /needs "b"/],
  ['a variable that is unknown', '{{a}}', { a: 'x', c: 'y' }, /no variable "c": it has a\./],
  ['one that every object has', '{{a}}', { a: 'x', toString: 'y' }, /no variable "toString"/],
  ['values for a text without places', 'text', { c: 'y' }, /no variable "c": it has no variables/],
])('%s is refused', (_name, text, values, reason) => {
  expect(() => render(text, values as Record<string, string>)).toThrow(reason);
});

test('what is declared is used', () => {
  expect(() => template('{{a}}', { b: {} })).toThrow(/does not use "b": write \{\{b\}\}/);
});
