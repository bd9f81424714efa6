import { RatchetError } from '../../core/errors.ts';

/** Until when a caller waits. */
export interface Deadline {
  /** From the beginning of the call, in ms. */
  ms: number;
  /** `answer`: the whole answer has to be there. `begin`: a stream has to have begun. */
  of: 'answer' | 'begin';
  /** What goes wrong when it passes. */
  error: RatchetError;
}

const longestSeconds = 86_400;

/**
 * Reads what a caller says of its patience: `x-ratchet-timeout`, which is kept to the end of the answer, and
 * `x-stainless-timeout`, which the clients of OpenAI send of themselves and which ends with the first byte.
 * InvalidInput when the first cannot be read; the second is nobody's own words.
 */
export function readDeadline(own: string | undefined, sdk: string | undefined): Deadline | null {
  if (own !== undefined) return deadline(ownSeconds(own), 'answer', 'x-ratchet-timeout');
  const seconds = Number(sdk ?? Number.NaN);
  return seconds > 0 && seconds <= longestSeconds ? deadline(seconds, 'begin', 'x-stainless-timeout') : null;
}

function ownSeconds(value: string): number {
  const [, number = '', unit = 's'] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s)?\s*$/.exec(value) ?? [];
  const seconds = number === '' ? 0 : Number(number) / (unit === 'ms' ? 1_000 : 1);
  if (seconds > 0 && seconds <= longestSeconds) return seconds;
  throw new RatchetError(
    'InvalidInput',
    `x-ratchet-timeout must be the seconds that you wait, such as "30" or "500ms", and at most ${longestSeconds}.`,
  );
}

function deadline(seconds: number, of: Deadline['of'], header: string): Deadline {
  const what = of === 'answer' ? 'was not whole' : 'had not begun';
  const message = `The answer ${what} within the ${seconds} s that ${header} gives it: give it more, or ask a faster model.`;
  const error = new RatchetError('ProviderUnavailable', message, { details: { httpStatus: 504, deadline: true } });
  return { ms: seconds * 1_000, of, error };
}
