import { type Found, withoutOverlaps } from './kind.ts';

const localPart = /(?:[\p{Script=Latin}\d](?:['’](?=\p{Script=Latin}))?|[._%+-])+$/u;
const label = String.raw`[\p{Script=Latin}\d](?:[\p{Script=Latin}\d-]{0,61}[\p{Script=Latin}\d])?`;
const domain = new RegExp(
  String.raw`(?:${label}\.)+(?:\p{Script=Latin}{2,24}|xn--[a-z\d-]{2,59})(?![\p{Script=Latin}\d])`,
  'iuy',
);
const signs = /@|%40/g;

/** Ends of file names that are no top-level domain: `logo@2x.png`. */
const fileEndings = new Set(
  'css gif html jpeg jpg js json jsx mjs pdf png scss svg ts tsx txt webp xml yaml yml'.split(' '),
);

/** Accounts that every repository is reached by, and that are nobody's: `git@host:path`. */
const sharedAccount = /^(?:git|hg|svn)$/;

/** What stands before `@` here is the password of a URL: the secret's part. */
const inCredentials = /:\/\/[^\s/@]*:$/;

/** Longest local part and longest domain, by RFC 5321 section 4.5.3.1. */
const longestLocal = 64;
const longestDomain = 255;

/** E-mail addresses, also where `@` is written `%40`. The key is the address in lower case. */
export function findEmails(text: string): Found[] {
  const found: Found[] = [];
  for (const { 0: sign, index } of text.matchAll(signs)) {
    const start = localStart(text, index);
    const end = domainEnd(text, index + sign.length);
    if (start === index || end === null) continue;
    const local = text.slice(start, index);
    if (inCredentials.test(text.slice(Math.max(0, start - 100), start))) continue;
    if (sharedAccount.test(local) && /[:/]/.test(text[end] ?? '')) continue;
    found.push({ start, end, key: `${local}@${text.slice(index + sign.length, end)}`.toLowerCase() });
  }
  return withoutOverlaps(found);
}

function localStart(text: string, sign: number): number {
  const from = Math.max(0, sign - longestLocal);
  const local = localPart.exec(text.slice(from, sign))?.[0] ?? '';
  const dashes = /^[.%+-]*/.exec(local)?.[0].length ?? 0;
  const start = sign - local.length + dashes;
  const isEscape =
    dashes === 0 && text[start - 1] === '\\' && text[start - 2] !== '\\' && /[nrt]/.test(text[start] ?? '');
  return isEscape ? start + 1 : start;
}

function domainEnd(text: string, from: number): number | null {
  const rest = text.slice(from, from + longestDomain);
  domain.lastIndex = 0;
  const name = domain.exec(rest)?.[0];
  if (name === undefined || fileEndings.has(name.slice(name.lastIndexOf('.') + 1).toLowerCase())) return null;
  return from + name.length;
}
