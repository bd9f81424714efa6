import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, childEnvironment, isLoopback } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { listensAt, serverVariables } from '../core/ollama-server.ts';
import type { SettingFault } from '../core/setting-fault.ts';

type Said = Pick<Config, 'home' | 'ollamaUrl' | 'variable'>;

/** How an Ollama of ours is started. */
export interface OllamaStart {
  env: Record<string, string>;
  /** What should be known before it is. */
  warning: string | null;
}

/**
 * The environment of an Ollama that is started here: what was said of it, in the environment or in `.env`, and an address. It
 * listens on this machine only unless `OLLAMA_HOST` says otherwise. Throws ProviderUnavailable when it is another machine's.
 */
export function ollamaStart(config: Said, models?: string): OllamaStart {
  const said = Object.fromEntries(
    serverVariables.flatMap(({ name }) => {
      const value = config.variable(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const address = addressOf(config);
  const folder = models ?? (said.OLLAMA_MODELS === undefined ? undefined : folderOf(config.home, said.OLLAMA_MODELS));
  const { host } = listensAt(address);
  return {
    env: childEnvironment({
      // What is asked of a model on this machine stays here, unless somebody says otherwise.
      OLLAMA_NO_CLOUD: '1',
      ...said,
      OLLAMA_HOST: address,
      ...(folder !== undefined && { OLLAMA_MODELS: folder }),
    }),
    warning: isLoopback(host)
      ? null
      : `Ollama listens at ${address}, by OLLAMA_HOST: it has no keys, so whoever reaches it can use and replace models`,
  };
}

/** Where it listens: `OLLAMA_HOST` where that is the port at which it is looked for. */
function addressOf({ ollamaUrl, variable }: Said): string {
  const url = new URL(ollamaUrl);
  const wanted = { host: url.hostname, port: url.port || (url.protocol === 'https:' ? '443' : '80') };
  const said = variable('OLLAMA_HOST');
  const listens = said === undefined ? null : listensAt(said);
  if (listens && listens.port === wanted.port) return `${listens.host}:${listens.port}`;
  if (url.protocol === 'http:' && isLoopback(wanted.host)) return `${wanted.host}:${wanted.port}`;
  throw new RatchetError(
    'ProviderUnavailable',
    `Ollama does not answer at ${ollamaUrl}, which is not this machine: start it there, or unset OLLAMA_BASE_URL to have one started here.`,
  );
}

function folderOf(home: string, path: string): string {
  return resolve(home, path.replace(/^~(?=\/|$)/, homedir));
}

/** Variables that Ollama would pass over in silence, because it cannot read their values. */
export function ollamaServerFaults(config: Pick<Config, 'home' | 'variable' | 'variableSource'>): SettingFault[] {
  return serverVariables.flatMap(({ name, fault }) => {
    const value = config.variable(name);
    const message = value === undefined ? null : fault(value);
    if (message === null) return [];
    const file = config.variableSource(name) === '.env' ? join(config.home, '.env') : 'environment';
    return [{ level: 'warning' as const, file, place: name, message }];
  });
}
