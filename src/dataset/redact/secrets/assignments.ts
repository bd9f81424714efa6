import type { Found } from '../kind.ts';
import { changes, classesOf, isMixed, looksSecret } from './randomness.ts';

/** Ends of names that something secret is kept under, in the languages that the rest of the redactor reads. */
const secretNames =
  'pass(?:word|wd|phrase|code)|passwort|kennwort|mot de passe|contrase[nñ]a|senha|parola d.ordine|wachtwoord|パスワード|pwd|secret|token|api[_ -]?key|access[_ -]?key(?:[_ -]?id)?|secret[_ -]?key|private[_ -]?key|auth[_ -]?key|encryption[_ -]?key|signing[_ -]?key|account[_ -]?key|license[_ -]?key|client[_ -]?secret|credentials?';

const isName = new RegExp(`(?:${secretNames})$`, 'iu');

/** What a value without quotes is made of: up to a space, a comma, or the next field of a query. */
const bare = String.raw`(?:(?!&[\w.-]{1,30}=)(?![,;<>{}[\]"'\x60\\])[!-~\p{Script=Latin}]){8,300}`;
/** `NAME = value`, `"name": "value"`, `name => 'value'`, `--name value`. */
const assignments = new RegExp(
  String.raw`(?:${secretNames})(?:[_-]?\d)?\\?["'\x60]?\]?(?:\s{0,3}(?::=|=>|==?|[:：])\s{0,3}|(?<=--[\w-]{2,30}) )(?:\\?(["'\x60])([^\s"'\x60\\]{8,300})\\?\1|(${bare}))`,
  'giu',
);
/** `my password for the shop is value`, `set the password to: value`. */
const said = new RegExp(
  String.raw`(?:${secretNames})(?:(?: [\p{L}’'-]{1,15}){0,5}?(?:\s{1,3}(?:is|was|to|ist|lautet|est|es|è|é)|\s?[:：])\s?[:：]?|\s{0,3}は)\s{0,2}["'\x60“„«「]?(${bare})`,
  'giu',
);
const headers = /\b(?:Bearer|Basic|Token)\s{1,3}([\w~+/.-]{16,1000}={0,2})/g;
const urls = /\b[a-z][a-z\d+.-]{1,20}:\/\/[^\s:@/?#"'`<>]{0,100}:([^\s@/"'`<>]{3,200})@/gi;

const urlStandIn = /^(?:[<{[$%]|\*+$|x+$|p?pass(?:word|wd)?$|pwd$|secret$|token$|foo$|bar$|b$|port$|your|my)/i;

/** A piece of every name above. */
const anyName = /pass|kennw|contrase|senha|parola|wachtw|パスワ|pwd|secret|token|key|credential/i;

/** Values that stand where a password, key or token stands. */
export function findAssigned(text: string): Found[] {
  const named = anyName.test(text) ? [...assigned(text), ...inProse(text)] : [];
  return [...named, ...inHeaders(text), ...inUrls(text)];
}

/** Whether this value of an object is a secret by its name and by its looks. */
export function isSecretField(name: string, value: string): boolean {
  return isName.test(name) && !/\s/.test(value) && looksSecret(value);
}

function assigned(text: string): Found[] {
  return values(text, assignments, (value, quoted) =>
    quoted ? looksSecret(value) : looksSecret(value) && isDense(value),
  );
}

function inProse(text: string): Found[] {
  return values(
    text,
    said,
    (value) => looksSecret(value) && (isDense(value) || (classesOf(value) === 4 && !call.test(value))),
  );
}

function inHeaders(text: string): Found[] {
  return values(text, headers, (value) => looksSecret(value) && classesOf(value) >= 3 && isMixed(value, 3));
}

function inUrls(text: string): Found[] {
  return text.includes('://') ? values(text, urls, (value) => !urlStandIn.test(value)) : [];
}

/** `hash(`, `user.readKey(`: names of words before a bracket. */
const call = /^(?:[\w$]+\.)*[A-Z]?[a-z_$]{2,}(?:[A-Z][a-z]+)*\(/;

/** What stands without quotes may be code: a call, or names, which change their kind of character seldom. */
function isDense(value: string): boolean {
  if (call.test(value) || !isMixed(value, 3)) return false;
  const digits = value.replace(/\D/g, '').length;
  return digits > 0 && (changes(value) >= 0.3 * value.length || (value.length >= 16 && digits >= 0.2 * value.length));
}

function values(text: string, pattern: RegExp, isSecret: (value: string, quoted: boolean) => boolean): Found[] {
  const found: Found[] = [];
  for (const match of text.matchAll(pattern)) {
    const quoted = match.length > 2 && match[2] !== undefined;
    const written = (match.length > 2 ? (match[2] ?? match[3]) : match[1]) ?? '';
    const value = quoted ? written : written.replace(/[.,;:!?)）。、]+$/u, '');
    if (!isSecret(value, quoted)) continue;
    const start = match.index + match[0].lastIndexOf(written);
    found.push({ start, end: start + value.length, key: value });
  }
  return found;
}
