import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Region } from './kind.ts';
import { plus } from './phone.ts';

const international = new RegExp(String.raw`${plus}[1-9][\d\s().-]{6,20}\d`, 'gu');
/** Numbers that are read for their country, at most. */
const enough = 20;

/** The countries that a conversation's phone numbers may be of: the one that is set, and those that its international numbers name. */
export function regionsIn(texts: readonly string[], region: Region | undefined): Region[] {
  const regions = new Set<Region>(region === undefined ? [] : [region]);
  const numbers = texts.filter((text) => text.includes('+')).flatMap((text) => text.match(international) ?? []);
  for (const written of numbers.slice(0, enough)) {
    const number = parsePhoneNumberFromString(written);
    if (number?.country !== undefined && number.isValid()) regions.add(number.country);
  }
  return [...regions];
}
