import type { Json, JsonObject } from '../../core/canonical.ts';
import { managementOptions } from '../../core/ollama-options.ts';

/** What a model is given with each call, in the places where Ollama wants it. */
export interface ModelOptions {
  /** What stands in `options`. */
  options: JsonObject;
  /** What stands beside `options`. */
  fields: JsonObject;
}

type Form = 'whole' | 'number' | 'flag' | 'texts' | 'duration' | 'think';

const forms: Readonly<Record<string, Form>> = {
  // How it is loaded.
  num_ctx: 'whole',
  num_batch: 'whole',
  num_gpu: 'whole',
  main_gpu: 'whole',
  num_thread: 'whole',
  use_mmap: 'flag',
  draft_num_predict: 'whole',
  // How it answers.
  num_keep: 'whole',
  num_predict: 'whole',
  seed: 'whole',
  temperature: 'number',
  top_k: 'whole',
  top_p: 'number',
  min_p: 'number',
  typical_p: 'number',
  repeat_last_n: 'whole',
  repeat_penalty: 'number',
  presence_penalty: 'number',
  frequency_penalty: 'number',
  stop: 'texts',
  // What former versions knew.
  numa: 'flag',
  low_vram: 'flag',
  f16_kv: 'flag',
  use_mlock: 'flag',
  logits_all: 'flag',
  vocab_only: 'flag',
  mirostat: 'whole',
  mirostat_tau: 'number',
  mirostat_eta: 'number',
  tfs_z: 'number',
  penalize_newline: 'flag',
};

/** These stand in the request itself. */
const fieldForms: Readonly<Record<string, Form>> = {
  keep_alive: 'duration',
  think: 'think',
  truncate: 'flag',
  shift: 'flag',
};

/** The first version that leaves an option out. */
const leftOutSince: Readonly<Record<string, readonly [number, number, number]>> = {
  numa: [0, 3, 4],
  tfs_z: [0, 5, 2],
  penalize_newline: [0, 5, 5],
  low_vram: [0, 7, 0],
  f16_kv: [0, 7, 0],
  use_mlock: [0, 7, 0],
  logits_all: [0, 7, 0],
  vocab_only: [0, 7, 0],
  mirostat: [0, 7, 0],
  mirostat_tau: [0, 7, 0],
  mirostat_eta: [0, 7, 0],
};

const told: Readonly<Record<Form, string>> = {
  whole: 'a whole number',
  number: 'a number',
  flag: 'true or false',
  texts: 'a text or a list of texts',
  duration: 'seconds, or a time such as "10m"; -1 is for ever',
  think: 'true, false, "low", "medium" or "high"',
};

/** What `options` tells for a model, whose name may be written with the tag `latest` or without. */
export function optionsFor(options: (model?: string) => JsonObject, model: string | undefined): JsonObject {
  if (model === undefined) return options();
  const common = options();
  const other = model.endsWith(':latest') ? model.slice(0, -':latest'.length) : `${model}:latest`;
  const ofOther = Object.entries(options(other)).filter(([name, value]) => value !== common[name]);
  const own = Object.entries(options(model)).filter(([name, value]) => value !== common[name]);
  return { ...common, ...Object.fromEntries([...ofOther, ...own]) };
}

/** Splits what the settings say into what stands where. Options that nobody here knows are passed on. */
export function splitOptions(said: JsonObject): ModelOptions {
  const split: ModelOptions = { options: {}, fields: {} };
  for (const [name, value] of Object.entries(said)) {
    if (value === null || managementOptions.includes(name)) continue;
    if (Object.hasOwn(fieldForms, name)) split.fields[name] = value;
    else split.options[name] = name === 'stop' && typeof value === 'string' ? [value] : value;
  }
  return split;
}

/** Whether there is anything that Ollama's OpenAI route cannot be told. */
export function isEmpty({ options, fields }: ModelOptions): boolean {
  return Object.keys(options).length + Object.keys(fields).length === 0;
}

/** What is wrong with options, each as a clause that begins with the option's name. A name that is not known is no fault. */
export function optionFaults(said: JsonObject): string[] {
  return Object.entries(said).flatMap(([name, value]) => {
    const form = formOf(name);
    return form === undefined || value === null || checks[form](value) ? [] : [`${name}: write ${told[form]}`];
  });
}

/** Names that a version of Ollama leaves out; without a version, names that none is known to have. */
export function unknownOptions(said: JsonObject, version: string): string[] {
  return Object.keys(said).filter((name) => {
    if (managementOptions.includes(name)) return false;
    if (formOf(name) === undefined) return true;
    const since = Object.hasOwn(leftOutSince, name) ? leftOutSince[name] : undefined;
    return since !== undefined && !isBefore(version, since);
  });
}

function formOf(name: string): Form | undefined {
  if (Object.hasOwn(forms, name)) return forms[name];
  return Object.hasOwn(fieldForms, name) ? fieldForms[name] : undefined;
}

const isText = (value: Json): boolean => typeof value === 'string';

const checks: Readonly<Record<Form, (value: Json) => boolean>> = {
  whole: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === 'number',
  flag: (value) => typeof value === 'boolean',
  texts: (value) => (Array.isArray(value) ? value.every(isText) : isText(value)),
  duration: (value) =>
    typeof value === 'number' || (typeof value === 'string' && /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(value)),
  think: (value) => typeof value === 'boolean' || value === 'low' || value === 'medium' || value === 'high',
};

/** A version that does not look like one is taken to be new. */
function isBefore(version: string, [major, minor, patch]: readonly [number, number, number]): boolean {
  const [, a, b, c] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  if (a === undefined || version.startsWith('0.0.0')) return false;
  const [x, y, z] = [Number(a) - major, Number(b) - minor, Number(c) - patch];
  return x < 0 || (x === 0 && (y < 0 || (y === 0 && z < 0)));
}
