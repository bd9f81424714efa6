import { networkInterfaces } from 'node:os';
import { isLoopback } from '../config.ts';
import { isListening } from '../process/ports.ts';
import type { Check } from './check.ts';

/** Addresses of this machine that others may reach. */
function outsideAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

/** Ollama has no keys: whoever reaches it can read, replace and delete models. */
export async function checkExposure(
  ollamaUrl: string,
  addresses: readonly string[] = outsideAddresses(),
): Promise<Check[]> {
  const { hostname, port } = new URL(ollamaUrl);
  if (!isLoopback(hostname)) {
    const message = `Ollama is at ${hostname}: it has no keys, so let nothing but Ratchet reach it`;
    return [{ name: 'exposure', state: 'warning', message, fix: null }];
  }
  const number = Number(port) || 11_434;
  const open = await Promise.all(addresses.map((address) => isListening(number, address)));
  const exposed = addresses.filter((_, at) => open[at]);
  if (exposed.length === 0) return [];
  const message = `Ollama also answers at ${exposed.join(', ')}: it has no keys, so whoever reaches it can replace models`;
  return [{ name: 'exposure', state: 'warning', message, fix: 'OLLAMA_HOST=127.0.0.1 ollama serve' }];
}
