import type { Split } from '../../core/dataset.ts';
import type { Exported } from './types.ts';

/** What the Hub calls a split. */
export function hubSplit(split: Split): string {
  return split === 'val' ? 'validation' : split;
}

/** The dataset card of the Hub. The licence is for who publishes it to choose. */
export function hubCard({ manifest, files }: Exported): string {
  const written = files.filter(({ rows }) => rows > 0);
  const rows = written.reduce((sum, file) => sum + file.rows, 0);
  const lines = (line: (file: (typeof written)[number]) => string): string => written.map(line).join('\n');
  return `---
# Choose a licence before you publish this: https://huggingface.co/docs/hub/repositories-licenses
# license:
pretty_name: ${manifest.name}
task_categories:
  - text-generation
size_categories:
  - ${sizeOf(rows)}
configs:
  - config_name: default
    data_files:
${lines(({ name, split }) => `      - split: ${hubSplit(split)}\n        path: ${name}`)}
dataset_info:
  splits:
${lines((file) => `    - name: ${hubSplit(file.split)}\n      num_bytes: ${file.bytes}\n      num_examples: ${file.rows}`)}
---

# ${manifest.name}

Chats that people approved or corrected, built by Ratchet from the dataset version \`${manifest.digest}\`. They may hold
what is private: read them before you publish them.

| split | rows | bytes | SHA-256 |
|---|---:|---:|---|
${lines((file) => `| ${hubSplit(file.split)} | ${file.rows} | ${file.bytes} | \`${file.digest}\` |`)}

Learned answers: ${Object.entries(manifest.signals)
    .map(([signal, count]) => `${count} ${signal}`)
    .join(', ')}. The rows of one conversation are all in one split.

## Columns

\`messages\` has the OpenAI shape, \`learn\` the indexes of the messages that are to be learned, \`tools\` the tools of the
request as JSON text. \`completion_id\`, \`choice\`, \`signal\`, \`author\`, \`node\` and \`anchor_id\` say where the row came from.
${replayText(manifest)}`;
}

function replayText({ replay }: Exported['manifest']): string {
  return replay === undefined
    ? ''
    : '\nRows with the signal `replay` are what the base model answered. Its licence may say what they can be used for.\n';
}

function sizeOf(rows: number): string {
  const sizes = ['n<1K', '1K<n<10K', '10K<n<100K', '100K<n<1M', '1M<n<10M'];
  return sizes[Math.max(0, Math.floor(Math.log10(Math.max(rows, 1))) - 2)] ?? '10M<n<100M';
}
