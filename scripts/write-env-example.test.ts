import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { environmentVariables } from '../src/config.ts';
import { kinds } from '../src/providers/kinds/all.ts';
import { envExample, envExampleFile } from './write-env-example.ts';

test('.env.example is up to date: else run "node scripts/write-env-example.ts"', () => {
  expect(readFileSync(envExampleFile, 'utf8')).toBe(envExample());
});

test('it lists every variable once, each with what it is for, and sets none', () => {
  const text = readFileSync(envExampleFile, 'utf8');
  const listed = [...text.matchAll(/^# \S.*\.\n#(\w+)=$/gm)].map(([, name]) => name);
  const read = [
    ...environmentVariables().map(({ name }) => name),
    ...kinds.flatMap(({ baseUrlVariables = [], apiKeyVariables = [] }) => [...baseUrlVariables, ...apiKeyVariables]),
  ];
  expect(listed).toEqual([...new Set(listed)]);
  expect(listed).toEqual(expect.arrayContaining(read));
  expect(parseEnv(text)).toEqual({});
});
