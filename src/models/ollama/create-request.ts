import type { JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { AllowedRegistry } from '../../core/ollama-options.ts';
import type { CreateRequest } from '../ollama.ts';
import { type Instruction, parseModelfile } from './modelfile.ts';
import { findModelName, parseModelName, registryOf } from './name.ts';
import { addParameter, checkParameters } from './parameters.ts';

/** What somebody wants a model to be made of: a Modelfile, or its parts. */
export interface WantedModel {
  model: string;
  modelfile?: string | undefined;
  /** A model, or the digest `sha256:…` of a file that was uploaded. */
  from?: string | undefined;
  /** Digests of uploaded files, by the name or path that they have in the Modelfile. */
  files?: Readonly<Record<string, string>> | undefined;
  adapter?: string | undefined;
  template?: string | undefined;
  system?: string | undefined;
  license?: readonly string[] | undefined;
  messages?: readonly { role: string; content: string }[] | undefined;
  parameters?: JsonObject | undefined;
  quantize?: CreateRequest['quantize'];
}

/** Checked, and with no path in it: only names of models, and digests of files that were uploaded. */
export function toCreateRequest(wanted: WantedModel, registries: readonly AllowedRegistry[]): CreateRequest {
  parseModelName(wanted.model);
  const parts = wanted.modelfile === undefined ? partsOf(wanted) : partsIn(wanted.modelfile, wanted);
  const sources = parts.from.map((from) => sourceOf(from, wanted.files ?? {}, registries));
  const models = sources.flatMap(({ from }) => (from === undefined ? [] : [from]));
  const files = merge(sources.map((source) => source.files));
  const adapters = merge(parts.adapters.map((adapter) => fileOf(adapter, wanted.files ?? {}, 'ADAPTER')));
  if (sources.length === 0)
    throw invalid('Say which model or file it is made of: give "from", or a Modelfile with FROM');
  if (models.length > 1 || (models.length === 1 && Object.keys(files).length > 0)) {
    throw invalid('FROM names more than one model: a model is made of one model, or of files');
  }
  return {
    model: wanted.model,
    ...(models[0] === undefined ? { files } : { from: models[0] }),
    ...(Object.keys(adapters).length > 0 && { adapters }),
    ...parts.rest,
    ...(wanted.quantize && { quantize: wanted.quantize }),
  };
}

interface Parts {
  from: string[];
  adapters: string[];
  rest: Omit<CreateRequest, 'model' | 'from' | 'files' | 'adapters' | 'quantize'>;
}

function partsOf({ from, adapter, template, system, license, messages, parameters }: WantedModel): Parts {
  return {
    from: from === undefined ? [] : [from],
    adapters: adapter === undefined ? [] : [adapter],
    rest: {
      ...(template !== undefined && { template }),
      ...(system !== undefined && { system }),
      ...(license && { license: [...license] }),
      ...(messages && { messages: [...messages] }),
      ...(parameters && { parameters: checkParameters(parameters) }),
    },
  };
}

function partsIn(modelfile: string, wanted: WantedModel): Parts {
  const twice = (['from', 'adapter', 'template', 'system', 'license', 'messages', 'parameters'] as const).find(
    (field) => wanted[field] !== undefined,
  );
  if (twice) throw invalid(`Give "${twice}" in the Modelfile or beside it, not both: leave one out`);
  const all = parseModelfile(modelfile);
  const values = (name: Instruction['name']) => all.flatMap((one) => (one.name === name ? [one.value] : []));
  const last = (name: 'template' | 'system' | 'renderer' | 'parser' | 'requires') => {
    const value = values(name).at(-1);
    return value === undefined ? {} : { [name]: value };
  };
  const parameters: JsonObject = {};
  for (const { name, key, value } of all) if (name === 'parameter') addParameter(parameters, key, value);
  const messages = all.flatMap(({ name, key, value }) => (name === 'message' ? [{ role: key, content: value }] : []));
  const license = values('license');
  return {
    from: values('from'),
    adapters: values('adapter'),
    rest: {
      ...last('template'),
      ...last('system'),
      ...last('renderer'),
      ...last('parser'),
      ...last('requires'),
      ...(license.length > 0 && { license }),
      ...(messages.length > 0 && { messages }),
      ...(Object.keys(parameters).length > 0 && { parameters }),
    },
  };
}

/** Uploaded files go before names: a file `llama.gguf` is a possible name as well. */
function sourceOf(
  text: string,
  files: Readonly<Record<string, string>>,
  registries: readonly AllowedRegistry[],
): { from?: string; files: Record<string, string> } {
  if (Object.hasOwn(files, text) || isDigest(text)) return { files: fileOf(text, files, 'FROM') };
  const inFolder = folderOf(text, files);
  if (inFolder) return { files: inFolder };
  const name = looksLikePath(text) ? null : findModelName(text);
  if (!name) {
    throw invalid(
      `FROM ${text.slice(0, 200)} is neither a name of a model nor a file that was uploaded: "ratchet models create" uploads the files that a Modelfile names`,
    );
  }
  registryOf(name, registries);
  return { from: text, files: {} };
}

function fileOf(text: string, files: Readonly<Record<string, string>>, what: string): Record<string, string> {
  const digest = Object.hasOwn(files, text) ? files[text] : isDigest(text) ? text : undefined;
  if (digest === undefined) {
    throw invalid(
      `${what} ${text.slice(0, 200)} is no file that was uploaded: upload it, and name its digest in "files"`,
    );
  }
  return { [baseName(isDigest(text) ? 'model.gguf' : text)]: digest.replace(/^@?sha256[:-]/, '') };
}

/** The files that were uploaded under a folder's name. */
function folderOf(text: string, files: Readonly<Record<string, string>>): Record<string, string> | null {
  const folder = `${text.replace(/\/+$/, '')}/`;
  const inside = Object.entries(files).filter(([path]) => path.startsWith(folder));
  if (inside.length === 0) return null;
  return Object.fromEntries(
    inside.map(([path, digest]) => [baseName(path.slice(folder.length)), digest.replace(/^sha256[:-]/, '')]),
  );
}

function isDigest(text: string): boolean {
  return /^@?sha256[:-][0-9a-f]{64}$/.test(text);
}

function looksLikePath(text: string): boolean {
  return /^[./~\\]|^[A-Za-z]:\\|\.(gguf|bin|safetensors)$/i.test(text);
}

/** Ollama wants file names that lead nowhere. */
function baseName(path: string): string {
  const name = path.split(/[/\\]/).at(-1) ?? '';
  if (/^[\w][\w.+-]{0,199}$/.test(name)) return name;
  throw invalid(
    `"${path.slice(0, 200)}" is not a name of a file that Ollama takes: rename it to letters, digits, ".", "_" and "-"`,
  );
}

function merge(all: readonly Record<string, string>[]): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const files of all) {
    for (const [name, digest] of Object.entries(files)) {
      if (Object.hasOwn(merged, name)) throw invalid(`Two files are called ${name}: rename one of them`);
      merged[name] = digest;
    }
  }
  return merged;
}

function invalid(what: string): RatchetError {
  return new RatchetError('InvalidInput', `${what}.`);
}
