/** What Ollama tells of a model's weights. */
export interface Weights {
  /** As llama.cpp calls the architecture. */
  family: string;
  /** How many; 0 where that is not told. */
  parameters: number;
  /** Whether the count is exact, or rounded to two or three digits. */
  exact: boolean;
  /** Names that it goes by: in Ollama, and in the file itself. */
  names: string;
}

/** A model that was published for training: what it is in Ollama, and its repository on the hub. */
interface Published {
  family: string;
  parameters: number;
  /** Null where Ratchet does not train it. */
  hub: string | null;
  /** Tells it from others of its family that are as large. */
  named?: RegExp;
}

/** With parameters in millions. */
type Row = readonly [family: string, parameters: number, hub: string | null, named?: RegExp];

/**
 * Parameters as the files have them that Ollama runs, by the published configurations (LitGPT's): neighbours differ by a few thousandths.
 * Among those that fit, one whose name fits goes before one that needs none.
 */
const millions: readonly Row[] = [
  ...qwen25('Qwen2.5-Coder', /coder/i),
  ['qwen2', 494.03, 'Qwen/Qwen2-0.5B-Instruct', /qwen2(?![.\d])/i],
  ['qwen2', 1543.71, 'Qwen/Qwen2-1.5B-Instruct', /qwen2(?![.\d])/i],
  ['qwen2', 7615.62, 'Qwen/Qwen2-7B-Instruct', /qwen2(?![.\d])/i],
  ['qwen2', 1777.09, 'deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B', /deepseek/i],
  ['qwen2', 7615.62, 'deepseek-ai/DeepSeek-R1-Distill-Qwen-7B', /deepseek/i],
  ...qwen25('Qwen2.5'),
  ['qwen3', 751.63, 'Qwen/Qwen3-0.6B'],
  ['qwen3', 2031.74, 'Qwen/Qwen3-1.7B'],
  ['qwen3', 4022.47, 'Qwen/Qwen3-4B'],
  ['qwen3', 8190.74, 'Qwen/Qwen3-8B'],
  ['qwen3', 14_768.31, 'Qwen/Qwen3-14B'],
  ['qwen3', 8190.74, 'deepseek-ai/DeepSeek-R1-0528-Qwen3-8B', /deepseek/i],
  ['llama', 134.52, 'HuggingFaceTB/SmolLM2-135M-Instruct'],
  ['llama', 361.82, 'HuggingFaceTB/SmolLM2-360M-Instruct'],
  ['llama', 1711.38, 'HuggingFaceTB/SmolLM2-1.7B-Instruct'],
  ['llama', 7248.02, 'mistralai/Mistral-7B-Instruct-v0.3'],
  ['llama', 7241.73, 'mistralai/Mistral-7B-Instruct-v0.2'],
  ['llama', 1235.81, 'meta-llama/Llama-3.2-1B-Instruct'],
  ['llama', 3212.75, 'meta-llama/Llama-3.2-3B-Instruct'],
  ['llama', 8030.26, 'meta-llama/Meta-Llama-3-8B-Instruct', /llama-?3(?!\.\d)/i],
  ['llama', 8030.26, null, /deepseek/i],
  ['llama', 8030.26, 'meta-llama/Llama-3.1-8B-Instruct'],
  ['llama', 70_553.71, 'meta-llama/Llama-3.1-70B-Instruct', /llama-?3\.1/i],
  ['llama', 70_553.71, null, /deepseek/i],
  ['llama', 70_553.71, 'meta-llama/Llama-3.3-70B-Instruct'],
  ['gemma2', 2614.34, 'google/gemma-2-2b-it'],
  ['gemma2', 9241.71, 'google/gemma-2-9b-it'],
  ['gemma2', 27_227.13, 'google/gemma-2-27b-it'],
  ['gemma3', 268.1, 'google/gemma-3-270m-it'],
  ['gemma3', 999.89, 'google/gemma-3-1b-it'],
  // Positions are stretched by longrope.
  ['phi3', 3836.02, null, /phi-?4/i],
  ['phi3', 14_659.51, 'microsoft/phi-4', /phi-?4/i],
  ['phi3', 3821.08, 'microsoft/Phi-3-mini-4k-instruct'],
  ['phi3', 13_960.24, 'microsoft/Phi-3-medium-4k-instruct'],
];

function qwen25(prefix: string, named?: RegExp): Row[] {
  const sizes: [string, number][] = [
    ['0.5B', 494.03],
    ['1.5B', 1543.71],
    ['3B', 3085.94],
    ['7B', 7615.62],
    ['14B', 14_770.03],
    ['32B', 32_763.88],
  ];
  return sizes.map(([size, count]): Row => {
    const hub = `Qwen/${prefix}-${size}-Instruct`;
    return named ? ['qwen2', count, hub, named] : ['qwen2', count, hub];
  });
}

const published: readonly Published[] = millions.map(([family, count, hub, named]) => {
  return { family, parameters: count * 1e6, hub, ...(named && { named }) };
});

/** How far a count may be off: what is written with two digits is, by up to a twentieth. */
const [exactly, roughly] = [0.002, 0.05];

/** The published model that weights are of; null where none is known, or none of it is trained. */
export function publishedAs({ family, parameters, exact, names }: Weights): { hub: string; parameters: number } | null {
  const off = exact ? exactly : roughly;
  const fits = published.filter(
    (one) => one.family === family && Math.abs(parameters - one.parameters) <= off * one.parameters,
  );
  const found = fits.find(({ named }) => named?.test(names)) ?? fits.find(({ named }) => named === undefined);
  return found?.hub ? { hub: found.hub, parameters: found.parameters } : null;
}

const units: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

/** A count as Ollama writes it, `494.03M`; 0 where it is none. */
export function parseCount(text: string): number {
  const [, count = '', unit = ''] = /^([\d.]+)([KMBT])$/.exec(text) ?? [];
  return Number(count) * (units[unit] ?? 0);
}
