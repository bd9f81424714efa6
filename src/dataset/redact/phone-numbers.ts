import { Metadata, type PhoneNumber, getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Region } from './kind.ts';
import { type Shape, hasNationalForm } from './phone-shape.ts';

const fewestInternational = 8;

/**
 * A number that says its country, with `+` or `00`; null when no country has numbers of this length. Other numbers begin
 * with "00" too: `doubtful` asks for one that the country gives out.
 */
export function internationalNumber({ written, digits, groups }: Shape, doubtful: boolean): PhoneNumber | null {
  if (digits.length < fewestInternational) return null;
  const number = parsePhoneNumberFromString(written.replace(/^\(?00/, '+').replace(/^\+ /, '+'), { extract: false });
  if (number?.isPossible() !== true) return null;
  return written.includes('+') || (groups.length > 1 && !doubtful) || number.isValid() ? number : null;
}

export interface NationalSearch {
  shape: Shape;
  regions: readonly Region[];
  /** How much must speak for it: `called` where the words before say that it is a phone number. */
  trust: 'called' | 'plain' | 'doubtful';
}

/** A number as one of the countries writes it. */
export function nationalNumber(search: NationalSearch): PhoneNumber | null {
  const numbers = search.regions.map((region) => numberIn(region, search));
  return numbers.find((number) => number?.isValid() === true) ?? numbers.find((number) => number !== null) ?? null;
}

function numberIn(region: Region, { shape, trust }: NationalSearch): PhoneNumber | null {
  const { code, trunk } = planOf(region);
  // What begins with "00" and is of no country is read as a number with a zero too many.
  const written = shape.written.replace(/^(\(?)00/, '$10');
  const number = parsePhoneNumberFromString(written, { defaultCountry: region, extract: false });
  if (number?.isPossible() !== true) return null;
  const formed = hasNationalForm(shape, code === '1' ? code : region, trunk);
  const valid = number.isValid();
  if (trust === 'doubtful') return formed && valid && shape.groups.length > 1 ? number : null;
  if (formed) return number;
  return valid && (trust === 'called' || isGrouped(shape) || shape.digits.length >= 9) ? number : null;
}

function isGrouped({ groups }: Shape): boolean {
  return groups.length > 1 && groups.every(({ length }, at) => length >= 2 || at === 0);
}

interface Plan {
  code: string;
  /** Whether national numbers begin with a 0 that is dialled before the area. */
  trunk: boolean;
}

const plans = new Map<Region, Plan>();

function planOf(region: Region): Plan {
  const known = plans.get(region);
  if (known) return known;
  const metadata = new Metadata();
  metadata.selectNumberingPlan(region);
  // The library has it, and its types leave it out.
  const { numberingPlan } = metadata as unknown as { numberingPlan: { nationalPrefix(): string | null } };
  // Italy's 0 is a part of the number, so that its plan names no prefix.
  const trunk = numberingPlan.nationalPrefix() === '0' || region === 'IT';
  const plan = { code: getCountryCallingCode(region), trunk };
  plans.set(region, plan);
  return plan;
}
