import { loadConfig } from '../config.ts';
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
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host;
  const own = `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
  const options = { url: (url ?? own).replace(/\/+$/, ''), apiKey: config.apiKey };
  return { ...options, api: createApiClient(options) };
}
