import { isIPv4, isIPv6 } from 'node:net';
import { type Found, wordChars } from './kind.ts';

const v4 = new RegExp(
  String.raw`(?<![${wordChars}.]|[${wordChars}]-(?<!\d-))\d{1,3}(?:\.\d{1,3}){3}(?![${wordChars}]|\.\d|[-+]\p{L})`,
  'gu',
);
const v6 = new RegExp(
  String.raw`(?<![${wordChars}:.])(?:[\da-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[\da-f]{1,4})?(?:%[a-z\d]{1,15})?(?![${wordChars}:])`,
  'giu',
);

/** Words before four numbers that are a version or the number of a section. */
const version =
  /(?:version|release|\bver|\brev|build|firmware|section|chapter|clause|§|\bOID)["'\]]?\s?[.:="'(-]{0,2}\s?["']?$/i;
const address =
  /(?:\bip(?:v4|s)?\b|address|host|server|client|router|gateway|dns|ping|ssh|curl|adresse|:\/\/|@)\W{0,4}(?:is |= ?)?$/i;

/**
 * IP addresses that stand for no one: this host, loopback, masks and networks, the ranges kept for documentation
 * (RFC 5737), and public resolvers that every manual names.
 */
const nobody =
  /^(?:0\.|127\.|255\.|\d+\.0\.0\.0$|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|(?:8\.8\.8\.8|8\.8\.4\.4|1\.1\.1\.1|1\.0\.0\.1|9\.9\.9\.9)$)/;
const nobodyV6 = /^(?:[0:]*:[01]?$|2001:0?db8:)/i;

/** Addresses of a host, IPv4 and IPv6; not versions, times, or addresses that stand for no one. The key is in the shortest form. */
export function findIps(text: string): Found[] {
  const found = text.includes('.') ? findV4(text) : [];
  if (!/[\da-f:]:[\da-f]{0,4}:/i.test(text)) return found;
  const inV6 = findV6(text);
  const outside = found.filter(({ start }) => !inV6.some((one) => one.start <= start && start < one.end));
  return [...outside, ...inV6].sort((a, b) => a.start - b.start);
}

function findV4(text: string): Found[] {
  const found: Found[] = [];
  for (const { 0: key, index } of text.matchAll(v4)) {
    if (!isIPv4(key) || nobody.test(key)) continue;
    const before = text.slice(Math.max(0, index - 24), index);
    if (version.test(before) || isNetwork(text, index, key)) continue;
    if (isSmall(key) && !address.test(before) && !/^:\d{2,5}/.test(text.slice(index + key.length))) continue;
    found.push({ start: index, end: index + key.length, key });
  }
  return found;
}

/** Versions and sections have four small numbers; of addresses outside private networks one in seven hundred has. */
function isSmall(key: string): boolean {
  return !key.startsWith('10.') && key.split('.').every((number) => Number(number) < 50);
}

/** `192.168.0.0/16` is a range of a manual or a rule. */
function isNetwork(text: string, index: number, key: string): boolean {
  return key.endsWith('.0.0') && /^\/\d/.test(text.slice(index + key.length, index + key.length + 2));
}

function findV6(text: string): Found[] {
  const found: Found[] = [];
  for (const { 0: written, index } of text.matchAll(v6)) {
    const bare = written.replace(/%.*$/, '');
    if (!isIPv6(bare) || !isHost(bare)) continue;
    found.push({ start: index, end: index + written.length, key: shortForm(bare) });
  }
  return found;
}

/** `a::b` is an address, and two names of C++ far more often. */
function isHost(address: string): boolean {
  if (nobodyV6.test(address) || !/\d/.test(address)) return false;
  const groups = address.split(':').filter((group) => group !== '').length;
  return groups >= 3 || (groups === 2 && /^(?:f[cd][\da-f]{2}|fe80|[23][\da-f]{3}):/i.test(address));
}

function shortForm(address: string): string {
  return new URL(`http://[${address}]`).hostname;
}
