/** What is wrong with the address of a provider, as a clause that says what to do; null when it is good. */
export function baseUrlFault(value: string): string | null {
  if (/\/\/[^/?#]*@/.test(value)) {
    return 'it must not hold a user name or password: give a key with "ratchet provider-key set"';
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  const isHttp = scheme === undefined || scheme === 'http' || scheme === 'https';
  if (isHttp && URL.canParse(scheme === undefined ? `http://${value}` : value)) return null;
  return 'write a URL that begins with http:// or https://';
}

/** What examples have in place of a key. */
const placeholder = /^(?:your[-_ ].*|<.*>|\.{3}|x{4,}|change[-_ ]?me|.*[-_](?:here|goes-here)|[a-z]+[-_]\.{3})$/i;

/** What is wrong with a key, as a clause that says what to do and does not quote it; null when it may be one. */
export function keyFault(value: string): string | null {
  if (placeholder.test(value.trim())) return 'put your key in place of the example, or remove the line';
  if (!/^[\x21-\x7e]+$/.test(value)) return 'write the key alone, without spaces or other signs';
  return null;
}

/** What is wrong with a variable's name that stands for a key; null when it may be one. A key itself is none. */
export function variableNameFault(value: string): string | null {
  const isKey = /^(?:sk|gsk|hf|rk|r8|pk|AIza|xai)[-_]/i.test(value) && /[a-z0-9]{12}/i.test(value);
  return /^[A-Za-z_]\w*$/.test(value) && !isKey ? null : 'write the name of a variable, never the key itself';
}
