import { type DatasetManifest, splits } from '../core/dataset.ts';

/** The dataset card: what is in a version, how it came about, how to load it. Equal manifests give equal text. */
export function datasetCard(manifest: DatasetManifest): string {
  const { name, digest } = manifest;
  return `---
pretty_name: ${name}
configs:
  - config_name: default
    data_files:
${splits.map((split) => `      - split: ${split === 'val' ? 'validation' : split}\n        path: ${split}.jsonl`).join('\n')}
---

# ${name}

Chats that people approved or corrected, built by Ratchet. The version is named by its digest, \`${digest}\`; it never
changes.

| split | rows | bytes | SHA-256 |
|---|---:|---:|---|
${splits.map((split) => splitLine(manifest, split)).join('\n')}

Learned answers: ${Object.entries(manifest.signals)
    .map(([signal, count]) => `${count} ${signal}`)
    .join(', ')}. The rows of one conversation are all in one split.

## How it was built

| stage | in | out | dropped |
|---|---:|---:|---|
${manifest.stages.map((stage) => `| ${stage.stage} | ${stage.in} | ${stage.out} | ${reasons(stage.dropped)} |`).join('\n')}

Recipe \`${manifest.recipe}\`, collection \`${manifest.collection}\`.

## A row

One JSON object per line: \`messages\` (the OpenAI shape), \`learn\` (indexes of the messages whose tokens are learned),
\`tools\` where the chat had them, and \`meta\` (the completion and choice behind it, the signal, who wrote the answer, and
the conversation's node).${replayText(manifest)}

## Loading it

\`\`\`python
from datasets import load_dataset

dataset = load_dataset("json", data_files={"train": "train.jsonl", "validation": "val.jsonl", "test": "test.jsonl"})
\`\`\`

The files can be given as they are to trainers that read \`{"messages": [...]}\` lines.
`;
}

function replayText({ replay }: DatasetManifest): string {
  if (replay === undefined) return '';
  return `

Rows with the signal \`replay\` are no one's teaching: the base answered prompts of all kinds so (\`author\`), and they are
there so that it forgets less. They stand in the training split alone, have no completion, and \`anchor\` names the completion
whose prompt it is, if any. What was asked and answered is the blob \`${replay}\`.`;
}

function splitLine({ splits: figures }: DatasetManifest, split: (typeof splits)[number]): string {
  const { rows, bytes, digest } = figures[split];
  return `| ${split} | ${rows} | ${bytes} | \`${digest}\` |`;
}

function reasons(dropped: Record<string, number>): string {
  const entries = Object.entries(dropped).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? '–' : entries.map(([reason, count]) => `${count} ${reason}`).join(', ');
}
