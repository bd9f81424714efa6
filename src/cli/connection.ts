import { type Config, loadConfig } from '../config.ts';
import { type ApiClient, createApiClient } from './api-client.ts';

/** Where the API is, with the key for it. */
export interface Connection {
  url: string;
  apiKey: string | null;
  api: ApiClient;
}

/** The API that the settings name, or the one at `url`. */
export function connectApi(url?: string): Connection {
  const config = loadConfig();
  const options = { url: (url ?? addressOf(config)).replace(/\/+$/, ''), apiKey: config.apiKey };
  return { ...options, api: createApiClient(options) };
}

/** Where an API with these settings is asked on its own machine. */
export function addressOf({ host, port }: Pick<Config, 'host' | 'port'>): string {
  const at = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  return `http://${at.includes(':') ? `[${at}]` : at}:${port}`;
}
