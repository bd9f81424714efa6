import { RatchetError } from '../../core/errors.ts';
import { alpaca } from './alpaca.ts';
import { huggingFace } from './hugging-face.ts';
import { openAiDpo } from './openai-dpo.ts';
import { openAiSft } from './openai-sft.ts';
import { shareGpt } from './sharegpt.ts';
import { trlKto } from './trl-kto.ts';
import { trlPreference } from './trl-preference.ts';
import { trl, trlPromptCompletion } from './trl.ts';
import type { Exporter } from './types.ts';

/** Every format that a dataset version can be written in. */
export const exporters: readonly Exporter[] = [
  openAiSft,
  openAiDpo,
  trl,
  trlPromptCompletion,
  trlPreference,
  trlKto,
  shareGpt,
  alpaca,
  huggingFace,
];

/** The exporter of a format. InvalidInput names those that there are. */
export function exporterOf(format: string): Exporter {
  const found = exporters.find((one) => one.format === format);
  if (found) return found;
  const names = exporters.map((one) => one.format).join(', ');
  throw new RatchetError('InvalidInput', `There is no format "${format.slice(0, 100)}": use one of ${names}.`);
}
