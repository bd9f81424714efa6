/** Our sentences say what is wrong, then, behind the last colon, what to do; null where they do not say it. */
export function splitAdvice(reason: string): [string, string | null] {
  const at = reason.lastIndexOf(': ');
  if (at === -1) return [reason, null];
  return [reason.slice(0, at), reason.slice(at + 2).replace(/\.$/, '')];
}
