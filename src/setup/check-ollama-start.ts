import { type Config, isLoopback } from '../config.ts';
import { listensAt, serverVariables } from '../core/ollama-server.ts';
import type { Check } from './check.ts';

/** What an Ollama that is started here would be given; nothing where nobody said anything of it. */
export function checkOllamaStart({ variable, variableSource }: Pick<Config, 'variable' | 'variableSource'>): Check[] {
  const said = serverVariables.flatMap(({ name }) => {
    const value = variable(name);
    return value === undefined ? [] : [{ name, value, source: variableSource(name) }];
  });
  if (said.length === 0) return [];
  const all = said.map(({ name, value, source }) => `${name}=${value} (${source})`).join(', ');
  const checks: Check[] = [
    { name: 'ollama', state: 'ok', message: `an Ollama that "ratchet up" starts gets ${all}`, fix: null },
  ];
  const host = variable('OLLAMA_HOST');
  if (host !== undefined && !isLoopback(listensAt(host).host)) {
    const text = `OLLAMA_HOST is ${host}: an Ollama that is started here has no keys, and others could reach it`;
    checks.push({ name: 'exposure', state: 'warning', message: text, fix: 'OLLAMA_HOST=127.0.0.1' });
  }
  return checks;
}
