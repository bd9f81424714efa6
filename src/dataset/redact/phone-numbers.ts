import { Metadata, type PhoneNumber, getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Region } from './kind.ts';
import { type Shape, hasNationalForm } from './phone-shape.ts';

const fewestInternational = 8;
/** Digits of the longest national numbers, Germany's, with their 0. */
const mostNational = 13;

/** Here the 0 is a part of the number, and numbers of mobiles have none. */
const italy = '39';

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
  const plan = planOf(region);
  const formed = hasNationalForm(shape, plan.code === '1' ? plan.code : region, plan.trunk);
  // Reading a number takes far longer than looking at it.
  if (!formed && (trust === 'doubtful' || !mayBeNational(shape, plan, trust))) return null;
  // What begins with "00" and is of no country is read as a number with a zero too many.
  const written = shape.written.replace(/^(\(?)0{2,}/, '$10');
  const number = parsePhoneNumberFromString(written, { defaultCountry: region, extract: false });
  if (number?.isPossible() !== true) return null;
  if (trust === 'doubtful') return number.isValid() && shape.groups.length > 1 ? number : null;
  return formed || (trust === 'called' && shape.digits.length >= 9) || number.isValid() ? number : null;
}

/** One long number, or groups of two digits and more, with the 0 where the country dials it; America's groups have a form of their own. */
function mayBeNational({ groups, digits }: Shape, { code, trunk }: Plan, trust: NationalSearch['trust']): boolean {
  if (digits.length > mostNational) return false;
  if (trust === 'called') return true;
  if (trunk && code !== italy && !digits.startsWith('0')) return false;
  if (groups.length === 1) return digits.length >= 9;
  return code !== '1' && groups.every(({ length }, at) => length >= 2 || at === 0);
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
  const code = getCountryCallingCode(region);
  const plan = { code, trunk: numberingPlan.nationalPrefix() === '0' || code === italy };
  plans.set(region, plan);
  return plan;
}
