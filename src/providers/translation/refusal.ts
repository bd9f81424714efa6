import { RatchetError } from '../../core/errors.ts';

/** InvalidInput for what another wire format cannot say. The sentence says what to do; `param` names the field. */
export function refusal(sentence: string, param: string | null = null): RatchetError {
  return new RatchetError('InvalidInput', sentence, { details: { param } });
}
