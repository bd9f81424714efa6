import { isLoopback } from '../config.ts';
import { isListening } from '../process/ports.ts';
import { type Look, type LookOptions, lookAt } from './look.ts';

/** Where a provider is reached, and what to call the setting that says so. */
export interface Endpoint {
  /** Without a slash at its end. */
  url: string;
  /** The variable or field that holds the URL: `VLLM_API_BASE`. */
  setting: string;
  /** A free route that answers in JSON to everybody or asks for a key: `/models`. */
  path: string;
  /** How it is started, where it runs on this machine. */
  startHint: string;
}

/** What is wrong with an endpoint, and the one thing that puts it right. */
export interface EndpointFault {
  message: string;
  fix: string;
}

export interface EndpointReport {
  fault: EndpointFault | null;
  /** How far its clock is ahead of ours, in ms; null when it did not tell. */
  aheadMs: number | null;
}

/** A certificate is refused for the time by a clock that is off by more than this at times, in ms. */
const skewMs = 5 * 60_000;
const badForTime = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'];
const notTls = [
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
];
const notHttp = ['ECONNRESET', 'EPIPE', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_HEADER_TOKEN'];

/** Looks what stands at an endpoint. No key is sent. A fault is only told when a person would do something about the URL. */
export async function checkEndpoint(endpoint: Endpoint, options: LookOptions = {}): Promise<EndpointReport> {
  const { url, path } = endpoint;
  try {
    const look = await lookAt(url + path, options);
    return { fault: await faultOfAnswer(endpoint, look, options), aheadMs: look.aheadMs };
  } catch (error) {
    return faultOfConnection(endpoint, error, options);
  }
}

async function faultOfAnswer(endpoint: Endpoint, look: Look, options: LookOptions): Promise<EndpointFault | null> {
  const { url, path, setting } = endpoint;
  const { location } = look.headers;
  if (look.status >= 300 && look.status < 400 && typeof location === 'string') {
    const target = new URL(location, url + path).href.replace(/\/+$/, '');
    const base = target.endsWith(path) ? target.slice(0, -path.length) : target;
    return { message: `${url} sends on to ${target}, which is not followed with a key`, fix: `${setting}=${base}` };
  }
  if (/plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/i.test(look.text))
    return speaksHttps(endpoint);
  const isThere = look.isJson && look.status !== 404 && look.status !== 405;
  if (isThere || look.status >= 500 || look.status === 429) return null;
  for (const other of othersLike(url)) {
    const found = await lookAt(other + path, options).catch(() => null);
    if (!found?.isJson || found.status === 404) continue;
    return { message: `${url} is not where the API begins`, fix: `${setting}=${other}` };
  }
  if (!look.isWebPage) return null;
  const message = `${url} answers with a web page (status ${look.status}), not with JSON: it is another server's, or a proxy's`;
  return { message, fix: `${setting}=<the URL that its manual gives for the OpenAI API>` };
}

/** What people write in place of the base URL, put right. */
function othersLike(url: string): string[] {
  const { origin } = new URL(url);
  const cut = url.replace(/\/(chat\/completions|completions|embeddings|models|responses)$/, '');
  const others = [
    cut,
    `${cut}/v1`,
    `${origin}/v1`,
    `${origin}/api/v1`,
    `${origin}/openai/v1`,
    cut.replace(/\/v1$/, ''),
  ];
  return [...new Set(others)].filter((other) => other !== url);
}

async function faultOfConnection(endpoint: Endpoint, error: unknown, options: LookOptions): Promise<EndpointReport> {
  const { url, setting } = endpoint;
  const { hostname, protocol } = new URL(url);
  const codes = codesOf(error);
  const is = (some: readonly string[]): boolean => codes.some((code) => some.includes(code));
  const told = (message: string, fix: string): EndpointReport => ({ fault: { message, fix }, aheadMs: null });
  if (is(badForTime)) return badTime(endpoint, codes, options);
  if (protocol === 'https:' && is(notTls))
    return told(`${url} does not speak https`, `${setting}=${url.replace('https:', 'http:')}`);
  if (protocol === 'http:' && is(notHttp) && (await speaksTls(endpoint, options)))
    return { fault: speaksHttps(endpoint), aheadMs: null };
  if (is(['ECONNREFUSED'])) return { fault: await refused(endpoint), aheadMs: null };
  if (is(['ENOTFOUND', 'EAI_AGAIN']))
    return told(`the name ${hostname} is not found`, `correct ${setting}, or look at the network and its DNS`);
  if (is(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])) {
    return told(
      `${url} does not answer in time`,
      `look whether ${hostname} runs and a firewall lets this machine through, or correct ${setting}`,
    );
  }
  const certificate = codes.find((code) => /CERT|SIGNATURE|ALTNAME/.test(code));
  if (certificate === undefined) return { fault: null, aheadMs: null };
  return told(
    `the certificate of ${hostname} is not trusted (${certificate})`,
    'NODE_EXTRA_CA_CERTS=<file of the authority that signed it>',
  );
}

/** Localhost is two addresses, and a server may listen on one of them only. */
async function refused({ url, setting, startHint }: Endpoint): Promise<EndpointFault> {
  const { hostname, port, protocol } = new URL(url);
  const number = Number(port) || (protocol === 'https:' ? 443 : 80);
  const name = hostname.replace(/^\[|\]$/g, '');
  if (!isLoopback(hostname))
    return { message: `nothing listens on port ${number} of ${name}`, fix: `start it there, or correct ${setting}` };
  for (const other of ['127.0.0.1', '::1']) {
    if (other === name || !(await isListening(number, other))) continue;
    const written = other.includes(':') ? `[${other}]` : other;
    const message = `port ${number} answers at ${written}, and not at ${hostname}`;
    return { message, fix: `${setting}=${url.replace(hostname, written)}` };
  }
  return { message: `nothing listens on port ${number} of this machine`, fix: startHint };
}

/** A certificate that is out of date is so by our clock, or by everybody's. */
async function badTime(
  { url, path }: Endpoint,
  codes: readonly string[],
  options: LookOptions,
): Promise<EndpointReport> {
  const { hostname } = new URL(url);
  const look = await lookAt(url + path, { ...options, anyCertificate: true }).catch(() => null);
  const aheadMs = look?.aheadMs ?? null;
  if (codes.includes('CERT_NOT_YET_VALID') || (aheadMs !== null && Math.abs(aheadMs) > skewMs)) {
    const message = `the certificate of ${hostname} is not valid at the time that this machine has, ${new Date().toISOString()}`;
    return { fault: { message, fix: 'set the clock: sudo timedatectl set-ntp true' }, aheadMs };
  }
  return { fault: { message: `the certificate of ${hostname} has expired`, fix: `renew it at ${hostname}` }, aheadMs };
}

function speaksHttps({ url, setting }: Endpoint): EndpointFault {
  return { message: `${url} speaks https only`, fix: `${setting}=${url.replace('http:', 'https:')}` };
}

async function speaksTls({ url, path }: Endpoint, options: LookOptions): Promise<boolean> {
  const secure = url.replace('http:', 'https:') + path;
  return lookAt(secure, { ...options, anyCertificate: true }).then(
    () => true,
    () => false,
  );
}

/** Codes of an error and of those in it: a name with several addresses fails with one for each. */
function codesOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return [];
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return 'code' in error && typeof error.code === 'string' ? [error.code, ...inner] : inner;
}
