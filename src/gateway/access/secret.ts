import { hash, randomInt, timingSafeEqual } from 'node:crypto';

/** An API key as its holder knows it. Only `id` and `secretHash` may be kept. */
export interface NewSecret {
  id: string;
  /** `rk_<id>_<secret>`. */
  key: string;
  /** SHA-256 of the secret, hex. */
  secretHash: string;
}

const digits = '0123456789';
const lower = 'abcdefghijklmnopqrstuvwxyz';
const idLetters = digits + lower;
const secretLetters = digits + lower.toUpperCase() + lower;
const idLength = 12;
/** 43 letters of 62 have 256.03 bits; without punctuation a double click selects the whole key. */
const secretLength = 43;
const shape = new RegExp(`^rk_([0-9a-z]{${idLength}})_([0-9A-Za-z]{${secretLength}})$`);

/** Makes a key; with an id, a new secret for the key that has it. */
export function makeSecret(id: string = randomText(idLetters, idLength)): NewSecret {
  const secret = randomText(secretLetters, secretLength);
  return { id, key: `rk_${id}_${secret}`, secretHash: hash('sha256', secret, 'hex') };
}

/** Takes a key apart; null when it is none of ours. */
export function parseSecret(key: string): { id: string; secret: string } | null {
  const [, id, secret] = shape.exec(key) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/** SHA-256. A secret of 256 random bits needs no slow hash: nobody can try them all. */
export function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** Compares two digests in a time that says nothing about them. */
export function sameDigest(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function randomText(letters: string, length: number): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('');
}
