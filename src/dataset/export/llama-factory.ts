import type { Exported, SideFile } from './types.ts';

/** How LLaMA-Factory is to read a file: its word for each column, and ours. */
export interface LlamaFactoryFormat {
  formatting: 'alpaca' | 'sharegpt';
  columns: Readonly<Record<string, string>>;
}

/**
 * `dataset_info.json` of LLaMA-Factory: an entry `<name>_<split>` for each file that has rows. Only columns that occur in
 * a file are named, because it asks each row for all that are.
 */
export function llamaFactoryInfo(exported: Exported, { formatting, columns }: LlamaFactoryFormat): SideFile {
  const { manifest, files } = exported;
  const entries = files
    .filter(({ rows }) => rows > 0)
    .map(({ name, split }) => {
      const there = exported.columns.get(name);
      const named = Object.entries(columns).filter(([, ours]) => there?.has(ours));
      return [`${manifest.name}_${split}`, { file_name: name, formatting, columns: Object.fromEntries(named) }];
    });
  return { name: 'dataset_info.json', text: `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n` };
}
