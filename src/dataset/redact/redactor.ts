import { findCards } from './card.ts';
import { findEmails } from './email.ts';
import { findIbans } from './iban.ts';
import { findIps } from './ip.ts';
import { isJson, mapJson } from './json-tokens.ts';
import { type Detector, type Found, type Hints, type RedactionKind, type Region, redactionKinds } from './kind.ts';
import { regionsIn } from './phone-regions.ts';
import { findPhones } from './phone.ts';
import { type Placeholders, createPlaceholders } from './placeholders.ts';
import { findSecrets } from './secret.ts';
import { isSecretField } from './secrets/assignments.ts';

const detectors: Readonly<Record<RedactionKind, Detector>> = {
  secret: findSecrets,
  iban: findIbans,
  card: findCards,
  email: findEmails,
  ip: findIps,
  phone: findPhones,
};

export interface RedactorOptions {
  /** What to look for; all kinds when left out. */
  kinds?: readonly RedactionKind[];
  /** The country whose national phone numbers are looked for, beside those that a conversation's own numbers tell. */
  region?: Region;
}

export interface Redacted {
  texts: string[];
  /** How many values were replaced, by kind; each time that a value stands there counts. */
  found: Partial<Record<RedactionKind, number>>;
}

export interface Redactor {
  /**
   * Replaces what was found in the texts of one conversation, in order. One value has one placeholder in all of them,
   * however it is written: `[EMAIL_1]`, another `[EMAIL_2]`. No mapping is kept. A text that is JSON as a whole stays JSON.
   */
  redact(texts: readonly string[]): Redacted;
}

/** Makes a redactor. It is pure: equal texts give equal texts, and redacting what was redacted changes nothing. */
export function createRedactor({ kinds = redactionKinds, region }: RedactorOptions = {}): Redactor {
  const wanted = redactionKinds.filter((kind) => kinds.includes(kind));
  return {
    redact(texts) {
      const found: Redacted['found'] = {};
      const regions = wanted.includes('phone') ? regionsIn(texts, region) : [];
      const work: Work = { wanted, hints: { regions }, placeholders: createPlaceholders(texts), found };
      return { texts: texts.map((text) => (isJson(text) ? redactJson(text, work) : redactText(text, work))), found };
    },
  };
}

interface Work {
  wanted: readonly RedactionKind[];
  hints: Hints;
  placeholders: Placeholders;
  found: Redacted['found'];
}

interface Part extends Found {
  kind: RedactionKind;
}

/**
 * A replaced value may leave a neighbour that only now stands alone, so that it looks again until nothing is found. What
 * stands before `from` is looked at and kept.
 */
function redactText(text: string, work: Work, from = 0): string {
  const parts = partsOf(text, work).filter(({ start }) => start >= from);
  return parts.length === 0 ? text : redactText(replaceParts(text, parts, work), work, from);
}

/** The name of a field says as much as the words before a value in a sentence do. */
function redactJson(text: string, work: Work): string {
  return mapJson(text, ({ value, name }) => {
    const isSecret = work.wanted.includes('secret') && isSecretField(name, value);
    if (isSecret) return placeholderOf({ kind: 'secret', key: value }, work);
    const words = name === '' ? '' : `${wordsOf(name)}: `;
    return redactText(words + value, work, words.length).slice(words.length);
  });
}

/** `phoneNumber` and `phone_number` as words. */
function wordsOf(name: string): string {
  return name.replace(/[_-]+/g, ' ').replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
}

function partsOf(text: string, { wanted, hints }: Work): Part[] {
  const parts = wanted.flatMap((kind) => detectors[kind](text, hints).map((found) => ({ ...found, kind })));
  return parts.length < 2 ? parts : withoutWeaker(parts.sort((a, b) => a.start - b.start || b.end - a.end));
}

/** Of parts that overlap the more specific kind stays; what is left of the other is looked at again. */
function withoutWeaker(parts: readonly Part[]): Part[] {
  const kept: Part[] = [];
  for (const part of parts) {
    const last = kept.at(-1);
    if (last === undefined || part.start >= last.end) kept.push(part);
    else if (rank(part) < rank(last)) kept[kept.length - 1] = part;
  }
  return kept;
}

function rank({ kind }: Part): number {
  return redactionKinds.indexOf(kind);
}

function replaceParts(text: string, parts: readonly Part[], work: Work): string {
  let redacted = '';
  let past = 0;
  for (const part of parts) {
    const made = placeholderOf(part, work);
    const bare = isBareInJson(text, part);
    redacted += text.slice(past, part.start) + (bare ? `"${made}"` : made);
    past = part.end;
  }
  return redacted + text.slice(past);
}

/** A number that is the value of a field in a piece of JSON: the placeholder has to be a string there. */
function isBareInJson(text: string, { start, end }: Found): boolean {
  return (
    /^\d+$/.test(text.slice(start, end)) &&
    /"\s{0,9}:\s{0,9}$/.test(text.slice(Math.max(0, start - 20), start)) &&
    /^\s*[,}\]]/.test(text.slice(end, end + 20))
  );
}

function placeholderOf({ kind, key }: Pick<Part, 'kind' | 'key'>, { placeholders, found }: Work): string {
  found[kind] = (found[kind] ?? 0) + 1;
  return placeholders(kind, key);
}
