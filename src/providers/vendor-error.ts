import { isObject } from '../core/canonical.ts';

/** What a vendor's error says, whichever of the usual shapes it has. */
export interface VendorError {
  /** In one line; the text itself when it has no shape that is known. */
  message: string;
  /** What it calls the error: codes, types and states, of every depth. */
  names: readonly string[];
  /** How long to wait, in seconds, where the body itself says it. */
  waitSeconds: number | null;
}

const longest = 500;

/** Reads the body of an error. */
export function readVendorError(text: string): VendorError {
  const parsed = parseJson(text);
  // Gemini gives a list of one.
  const whole = Array.isArray(parsed) ? parsed[0] : parsed;
  const layers = layersOf(whole);
  const message = layers.map(messageOf).find((said) => said !== '') ?? '';
  return {
    message: oneLine(message === '' ? text : message),
    names: layers.flatMap(namesOf),
    waitSeconds: layers.map(waitOf).find((seconds) => seconds !== null) ?? null,
  };
}

/** The innermost first: who passes an error on wraps it. */
function layersOf(value: unknown): Record<string, unknown>[] {
  if (!isObject(value)) return [];
  const { error, message, innererror } = value as Record<string, unknown>;
  return [...layersOf(error), ...layersOf(innererror), ...layersOf(message), value];
}

function messageOf({ message, error, detail, metadata }: Record<string, unknown>): string {
  // OpenRouter's own message says only that somebody else failed.
  if (isObject(metadata) && typeof metadata.raw === 'string') return rawMessage(metadata.raw);
  return [message, error, detail].map(told).find((said) => said !== '') ?? '';
}

/** What a vendor behind another one said, which may be JSON itself. */
function rawMessage(raw: string): string {
  return isObject(parseJson(raw)) ? readVendorError(raw).message : raw;
}

/** A text, or the list of faults that FastAPI and Mistral give. */
function told(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  const faults = value.filter(isObject).map(({ loc, msg }) => {
    const place = Array.isArray(loc)
      ? `${loc
          .map(String)
          .filter((part) => part !== 'body')
          .join('.')}: `
      : '';
    return typeof msg === 'string' ? place + msg : '';
  });
  return faults.filter((fault) => fault !== '').join('; ');
}

function namesOf({ code, type, status, reason, error_type: errorType }: Record<string, unknown>): string[] {
  return [code, type, status, reason, errorType].flatMap((name) => {
    return typeof name === 'string' || typeof name === 'number' ? [String(name).toLowerCase()] : [];
  });
}

/** Gemini's `retryDelay` and Hugging Face's `estimated_time`. */
function waitOf({ details, estimated_time: estimated }: Record<string, unknown>): number | null {
  if (typeof estimated === 'number' && estimated >= 0) return estimated;
  const delays = Array.isArray(details) ? details.filter(isObject).map(({ retryDelay }) => retryDelay) : [];
  const seconds = delays.map((delay) => (typeof delay === 'string' ? Number.parseFloat(delay) : Number.NaN));
  return seconds.find((value) => value >= 0) ?? null;
}

function oneLine(said: string): string {
  return said.replace(/\s+/g, ' ').trim().slice(0, longest);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
