/** Shannon's entropy of a value's characters, in bits a character. */
export function entropy(value: string): number {
  const counts = new Map<string, number>();
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d]/];

/** How many of lower case, upper case, digits and signs a value has. */
export function classesOf(value: string): number {
  return classes.filter((one) => one.test(value)).length;
}

/** How often a value goes from one of these to another between two characters. */
export function changes(value: string): number {
  const kinds = Array.from(value, (char) => classes.findIndex((one) => one.test(char)));
  return kinds.filter((kind, at) => at > 0 && kind !== kinds[at - 1]).length;
}

const shortest = 8;

/** Whether a value's characters are about as many different ones as chance would give; a short one cannot have many. */
export function isMixed(value: string, bits: number): boolean {
  return entropy(value) >= Math.min(bits, Math.log2(value.length) - 0.6);
}

/** A stand-in of documentation, a variable, a path or an expression: nothing that opens a door. */
const standIn =
  /^(?:[<{[]|\*+$|x{4,}|\.\.?\/|\/|(?:process|os|env)\.|https?:|file:)|\$\{|\{\{|\.\.\.|example|placeholder|redacted|(?:^|[-_ ])(?:your|my|change|insert|replace|sample|dummy)[-_ ]|^%\w+%$|^\$[({]?(?:[A-Z_]{3,}[A-Z\d_]*|[a-z]{3,}\w*)[)}]?$/;
const word = /^[A-Za-z]+(?:[-_.\s/:][A-Za-z]+)*[-_]?\d{0,4}$/;
const dotted = /^[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+$/;
const otherThing = /^(?:\d[\d.,:/-]*|#[\da-f]{3,8}|v?\d+(?:\.\d+)+\S*|\d{4}-\d\d-\d\d\S*)$/i;

/** Whether a value that stands where a password or key stands looks like one, and not like a word, a name or a call. */
export function looksSecret(value: string): boolean {
  if (
    value.length < shortest ||
    standIn.test(value) ||
    word.test(value) ||
    dotted.test(value) ||
    otherThing.test(value)
  )
    return false;
  return /[A-Za-z]/.test(value) && classesOf(value) >= 2 && /[\d\W_]/.test(value) && isMixed(value, 2.75);
}
