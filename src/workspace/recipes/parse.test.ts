import { expect, test } from 'vitest';
import { tellFault } from '../../core/setting-fault.ts';
import { parseRecipe } from './parse.ts';

const source = { file: 'recipes/support.yaml', name: 'support' };

function faultsOf(text: string): string[] {
  return (parseRecipe(text, source).faults ?? []).map(tellFault);
}

test('a base is a recipe, with the name of its file and every default', () => {
  const { recipe } = parseRecipe('base: tiny-support\ntrain: { rank: 8 }\n', source);
  expect(recipe).toMatchObject({
    name: 'support',
    base: 'tiny-support',
    train: { rank: 8, epochs: 'auto' },
    promote: 'auto',
  });
});

test('what the text says goes before the name of the file, and what is asked for before the text', () => {
  const text = '{ "name": "style", "base": "one" }';
  expect(parseRecipe(text, source).recipe).toMatchObject({ name: 'style', base: 'one' });
  const over = { base: 'other', name: 'mine' };
  expect(parseRecipe(text, { ...source, over }).recipe).toMatchObject({ name: 'mine', base: 'other' });
});

test('anchors, merged keys as 1.2 has them, and words that older YAML takes for true', () => {
  const text = 'base: b\nbuild: { salt: yes }\ncollect: { tags: &t [a], models: *t }\n';
  expect(parseRecipe(text, source).recipe).toMatchObject({
    build: { salt: 'yes' },
    collect: { tags: ['a'], models: ['a'] },
  });
});

test('every fault is told, each with its line, its column and its path', () => {
  const text = ['base: Tiny Support', 'train:', '  rank: 0', '  learing_rate: 1', 'extra: true', 'gate:', '  alpha: 2'];
  expect(faultsOf(text.join('\n')).sort()).toEqual([
    expect.stringMatching(/^recipes\/support\.yaml: line 1, column 7, base: use 1 to 64 of a-z/),
    expect.stringMatching(/: line 3, column 9, train\.rank: Too small/),
    expect.stringMatching(
      /: line 4, column 3, train\.learing_rate: there is no such field: did you mean learning_rate/,
    ),
    expect.stringMatching(/: line 5, column 1, extra: there is no such field/),
    expect.stringMatching(/: line 7, column 10, gate\.alpha: Too big/),
  ]);
});

test('a fault within a list is told by its number, one of a field that is missing by where it should stand', () => {
  const text = [
    'base: b',
    'evaluate:',
    '  suite:',
    '    - id: one',
    '      messages: [{ role: user, content: x }]',
    '      checks:',
    '        - { kind: contains, metric: facts }',
  ];
  expect(faultsOf(text.join('\n'))).toEqual([
    expect.stringMatching(/: line 7, column 11, evaluate\.suite\[0\]\.checks\[0\]\.value: /),
  ]);
});

test.each<[string, string, RegExp]>([
  ['a brace that stays open', 'base: {', /: line 1, column \d+: is not valid YAML: /],
  ['a key twice', 'base: a\nbase: b\n', /: line 2, column 1: is not valid YAML: Map keys must be unique$/],
  ['a tab', 'base: a\ntrain:\n\trank: 1\n', /: line 3, column 1: is not valid YAML: /],
  ['nothing', '', /: is no recipe: write "base:/],
  ['a list', '- base: a\n', /: is no recipe: write "base:/],
  ['an alias for nothing', 'base: *nothing\n', /^recipes\/support\.yaml: .*(alias|YAML)/i],
  ['no base', 'promote: auto\n', /base: Invalid input/],
])('%s is told', (_, text, said) => {
  const faults = faultsOf(text);
  expect(faults.length).toBeGreaterThan(0);
  expect(faults.join('\n')).toMatch(said);
});

test('aliases of aliases are no billion values', () => {
  const levels = Array.from(
    { length: 12 },
    (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`,
  );
  const started = process.cpuUsage();
  expect(faultsOf(['a0: &a0 [x]', ...levels].join('\n')).join()).toMatch(/aliases that stand for too much/);
  // In microseconds of this process, however busy the machine is.
  expect(process.cpuUsage(started).user).toBeLessThan(3_000_000);
});
