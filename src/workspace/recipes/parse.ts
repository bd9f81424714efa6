import { type Document, LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { z } from 'zod';
import { nearestNames } from '../../core/nearest.ts';
import { type Recipe, recipeSchema } from '../../core/recipe.ts';
import type { SettingFault } from '../../core/setting-fault.ts';
import { recipeFields } from './fields.ts';

/** A recipe, or everything that is wrong with its text. */
export type ParsedRecipe = { recipe: Recipe; faults?: undefined } | { recipe?: undefined; faults: SettingFault[] };

/** How often an alias may be used: a text of some lines could stand for billions of values otherwise. */
const mostAliases = 100;
/** The longest text, in characters: a suite of some thousand prompts. */
const longestText = 16 * 2 ** 20;

type Path = readonly PropertyKey[];

export interface RecipeSource {
  /** What faults are told by. */
  file: string;
  /** Stands in where the text names none. */
  name?: string;
  /** In place of what the text says. */
  over?: { base?: string; name?: string };
}

/** Reads a recipe as YAML, of which JSON is a part. Each fault has its line, its column and its path within the recipe. */
export function parseRecipe(text: string, { file, name, over }: RecipeSource): ParsedRecipe {
  const fault = (message: string, place = ''): SettingFault => ({ level: 'fault', file, place, message });
  if (text.length > longestText) return { faults: [fault('is longer than 16 MiB: take a smaller suite')] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  if (document.errors.length > 0) {
    return { faults: document.errors.map(({ message, pos }) => fault(plain(message), lineOf(lines, pos[0]))) };
  }
  if (!isMap(document.contents)) return { faults: [fault('is no recipe: write "base: <name of a base>" at least')] };
  const value = valueOf(document);
  if (typeof value === 'string') return { faults: [fault(value)] };
  const parsed = recipeSchema.safeParse({ ...(name !== undefined && { name }), ...value, ...over });
  if (parsed.success) return { recipe: parsed.data };
  const faults = parsed.error.issues.flatMap(issuesOf).map(({ path, message, ofKey = false }): SettingFault => {
    const place = [lineOf(lines, offsetOf(document, path, ofKey)), pathText(path)];
    return fault(message, place.filter((part) => part !== '').join(', '));
  });
  return { faults };
}

/** The values of a document; a clause where an alias goes too far. */
function valueOf(document: Document): Record<string, unknown> | string {
  try {
    return document.toJS({ maxAliasCount: mostAliases }) as Record<string, unknown>;
  } catch {
    return `has aliases that stand for too much, or for nothing: write out what they stand for`;
  }
}

interface Issue {
  path: Path;
  message: string;
  /** Whether the name of the field is wrong, and not its value. */
  ofKey?: boolean;
}

/** One issue for each field: several unknown ones come as one. */
function issuesOf(issue: z.core.$ZodIssue): Issue[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }];
  const known = fieldsBelow(issue.path);
  return issue.keys.map((key) => {
    const nearest = nearestNames(key, known);
    const hint = nearest.length > 0 ? `did you mean ${nearest.join(' or ')}?` : 'take it out';
    return { path: [...issue.path, key], message: `there is no such field: ${hint}`, ofKey: true };
  });
}

/** The names that may stand at a place. */
function fieldsBelow(path: Path): string[] {
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
  const below = recipeFields().filter(({ path: field }) => field.startsWith(prefix));
  return [...new Set(below.map(({ path: field }) => field.slice(prefix.length).split('.')[0] ?? ''))];
}

/** Where a value stands in the text; of one that is not there, where it should. */
function offsetOf(document: Document, path: Path, ofKey: boolean): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (!isNode(node) || !node.range) continue;
    return (ofKey ? keyOffset(document, path.slice(0, length)) : null) ?? node.range[0];
  }
  return 0;
}

/** Where the name of a field stands. */
function keyOffset(document: Document, path: Path): number | null {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return null;
  const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)));
  return isScalar(pair?.key) && pair.key.range ? pair.key.range[0] : null;
}

function lineOf(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return line === 0 ? '' : `line ${line}, column ${col}`;
}

/** As in JavaScript: `evaluate.suite[3].checks`. */
function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

/** A message of the library as a clause. */
function plain(message: string): string {
  return `is not valid YAML: ${message.replace(/\.$/, '')}`;
}
