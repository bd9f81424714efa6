import type { Config } from '../config.ts';
import { isListening } from '../process/ports.ts';
import type { Check } from './check.ts';
import { lookAt } from './look.ts';
import { type PortOwner, portOwner } from './port-owner.ts';

interface Wanted {
  /** As it goes into a sentence: `the API`. */
  name: string;
  port: number;
  /** What sets another port. */
  setting: string;
  /** Whether the program that listens there is the one that belongs there. */
  isOurs: (owner: PortOwner | null) => Promise<boolean>;
}

/** Whether the ports that Ratchet listens on are free, or its own already; if not, who has them. */
export function checkPorts({ host, port, temporal }: Config): Promise<Check[]> {
  const { port: temporalPort } = new URL(`http://${temporal.address}`);
  const wanted: Wanted[] = [
    { name: 'the API', port, setting: 'RATCHET_PORT', isOurs: () => isRatchet(`http://${loopbackOf(host)}:${port}`) },
    { name: 'Temporal', port: Number(temporalPort) || 7233, setting: 'TEMPORAL_ADDRESS', isOurs: isTemporal },
    { name: 'the page of Temporal', port: temporal.uiPort, setting: 'TEMPORAL_UI_PORT', isOurs: isTemporal },
  ];
  return Promise.all(wanted.map(checkPort));
}

async function checkPort({ name, port, setting, isOurs }: Wanted): Promise<Check> {
  const ok = (message: string): Check => ({ name: 'port', state: 'ok', message, fix: null });
  if (!(await isListening(port))) return ok(`port ${port} for ${name} is free`);
  const owner = await portOwner(port);
  if (await isOurs(owner)) return ok(`port ${port} for ${name} is in use by it already`);
  const who = owner === null ? 'another program' : `${owner.name} (process ${owner.pid}${saidAs(owner)})`;
  const stop = owner === null ? 'stop that program' : `kill ${owner.pid}`;
  return {
    name: 'port',
    state: 'failed',
    message: `port ${port} for ${name} is taken by ${who}`,
    fix: `${stop}, or set ${setting} to another port`,
  };
}

/** How it was started, cut: it is told to find it again, and may be long. */
function saidAs({ command, name }: PortOwner): string {
  return command === '' || command === name ? '' : `: ${command.slice(0, 80)}`;
}

/** The title of our description, which needs no key. */
async function isRatchet(url: string): Promise<boolean> {
  const look = await lookAt(`${url}/openapi.json`, { limitMs: 2_000 }).catch(() => null);
  return look !== null && /"title":\s*"Ratchet"/.test(look.text);
}

/** A server in a container, or of another user, does not show its name: it gets the benefit of the doubt. */
async function isTemporal(owner: PortOwner | null): Promise<boolean> {
  return owner === null || /temporal|docker|containerd|rootlessport|slirp/i.test(`${owner.name} ${owner.command}`);
}

function loopbackOf(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
