import { expect, test } from 'vitest';
import { checkOllamaStart } from './check-ollama-start.ts';

function told(values: Record<string, string>): [string, string, string | null][] {
  const checks = checkOllamaStart({ variable: (name) => values[name], variableSource: () => '.env' });
  return checks.map(({ state, message, fix }) => [state, message, fix]);
}

test.each<[Record<string, string>, [string, string, string | null][]]>([
  [{}, []],
  [
    { OLLAMA_KEEP_ALIVE: '10m', OLLAMA_HOST: '127.0.0.1:5000' },
    [
      [
        'ok',
        'an Ollama that "ratchet up" starts gets OLLAMA_HOST=127.0.0.1:5000 (.env), OLLAMA_KEEP_ALIVE=10m (.env)',
        null,
      ],
    ],
  ],
  [
    { OLLAMA_NUM_PARALLEL: 'many', OLLAMA_HOST: '0.0.0.0' },
    [
      [
        'ok',
        'an Ollama that "ratchet up" starts gets OLLAMA_HOST=0.0.0.0 (.env), OLLAMA_NUM_PARALLEL=many (.env)',
        null,
      ],
      [
        'warning',
        'OLLAMA_HOST is 0.0.0.0: an Ollama that is started here has no keys, and others could reach it',
        'OLLAMA_HOST=127.0.0.1',
      ],
    ],
  ],
])('%j is told by the doctor', (values, checks) => {
  expect(told(values)).toEqual(checks);
});
