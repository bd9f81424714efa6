import type { Json, JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';

type Kind = 'whole' | 'number' | 'flag' | 'texts';

/** What a model may be given as parameters, by the names that Ollama knows. */
const kinds: Readonly<Record<string, Kind>> = {
  num_keep: 'whole',
  seed: 'whole',
  num_predict: 'whole',
  top_k: 'whole',
  top_p: 'number',
  min_p: 'number',
  typical_p: 'number',
  repeat_last_n: 'whole',
  temperature: 'number',
  repeat_penalty: 'number',
  presence_penalty: 'number',
  frequency_penalty: 'number',
  stop: 'texts',
  num_ctx: 'whole',
  num_batch: 'whole',
  num_gpu: 'whole',
  main_gpu: 'whole',
  use_mmap: 'flag',
  num_thread: 'whole',
};

/** Older Modelfiles have these; Ollama leaves them out. */
const outdated: ReadonlySet<string> = new Set([
  'penalize_newline',
  'low_vram',
  'f16_kv',
  'logits_all',
  'vocab_only',
  'use_mlock',
  'mirostat',
  'mirostat_tau',
  'mirostat_eta',
]);

/** Reads one line `PARAMETER name value` into `found`. Throws InvalidInput; what is outdated is left out. */
export function addParameter(found: JsonObject, name: string, text: string): void {
  if (outdated.has(name)) return;
  const value = valueOf(name, text);
  found[name] = kinds[name] === 'texts' ? [...asList(found[name]), value] : value;
}

/** Checks parameters that came as JSON. InvalidInput names the first that is wrong. */
export function checkParameters(given: JsonObject): JsonObject {
  const found: JsonObject = {};
  for (const [name, value] of Object.entries(given)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === 'object') throw wrong(name, JSON.stringify(one), kindOf(name));
      addParameter(found, name, String(one));
    }
  }
  return found;
}

function valueOf(name: string, text: string): Json {
  const kind = kindOf(name);
  if (kind === 'texts') return text;
  if (kind === 'flag') {
    if (/^(true|1|t)$/i.test(text)) return true;
    if (/^(false|0|f)$/i.test(text)) return false;
    throw wrong(name, text, kind);
  }
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && (kind === 'number' || Number.isSafeInteger(value))) return value;
  throw wrong(name, text, kind);
}

function kindOf(name: string): Kind {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind) return kind;
  throw new RatchetError(
    'InvalidInput',
    `Ollama knows no parameter "${name.slice(0, 100)}": use one of ${Object.keys(kinds).join(', ')}.`,
  );
}

const said: Readonly<Record<Kind, string>> = {
  whole: 'a whole number',
  number: 'a number',
  flag: 'true or false',
  texts: 'a text',
};

function wrong(name: string, text: string, kind: Kind): RatchetError {
  return new RatchetError('InvalidInput', `The parameter ${name} is "${text.slice(0, 100)}": give ${said[kind]}.`);
}

function asList(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
