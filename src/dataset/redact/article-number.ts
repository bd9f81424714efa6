/**
 * Whether digits are an EAN-13 or UPC-A by length and check digit: weights 1 and 3 in turn from the right, a sum that 10
 * divides (GS1 General Specifications, section 7.9).
 */
export function isArticleNumber(digits: string): boolean {
  if (!/^\d{12,13}$/.test(digits)) return false;
  const last = digits.length - 1;
  const sum = Array.from(digits).reduce(
    (total, digit, at) => total + Number(digit) * ((last - at) % 2 === 0 ? 1 : 3),
    0,
  );
  return sum % 10 === 0;
}
