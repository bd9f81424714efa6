import { expect, test } from 'vitest';
import { parseCount, publishedAs } from './published.ts';

const exact = (family: string, parameters: number, names: string) =>
  publishedAs({ family, parameters, exact: true, names })?.hub ?? null;
const rounded = (family: string, size: string, names: string) =>
  publishedAs({ family, parameters: parseCount(size), exact: false, names })?.hub ?? null;

// Counts as Ollama's own library has them.
test.each<[string, string, number, string | null]>([
  ['qwen2.5:0.5b', 'qwen2', 494_032_768, 'Qwen/Qwen2.5-0.5B-Instruct'],
  ['qwen2.5-coder:7b', 'qwen2', 7_615_616_512, 'Qwen/Qwen2.5-Coder-7B-Instruct'],
  ['qwen2:0.5b', 'qwen2', 494_032_768, 'Qwen/Qwen2-0.5B-Instruct'],
  ['qwen2.5:7b', 'qwen2', 7_615_616_512, 'Qwen/Qwen2.5-7B-Instruct'],
  ['deepseek-r1:1.5b', 'qwen2', 1_777_088_000, 'deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B'],
  ['qwen3:0.6b', 'qwen3', 751_632_384, 'Qwen/Qwen3-0.6B'],
  ['llama3.2:1b', 'llama', 1_235_814_432, 'meta-llama/Llama-3.2-1B-Instruct'],
  ['llama3.1:8b', 'llama', 8_030_261_312, 'meta-llama/Llama-3.1-8B-Instruct'],
  ['llama3:8b', 'llama', 8_030_261_248, 'meta-llama/Meta-Llama-3-8B-Instruct'],
  ['mistral:7b', 'llama', 7_248_023_552, 'mistralai/Mistral-7B-Instruct-v0.3'],
  ['smollm2:135m', 'llama', 134_515_008, 'HuggingFaceTB/SmolLM2-135M-Instruct'],
  ['gemma2:2b', 'gemma2', 2_614_341_888, 'google/gemma-2-2b-it'],
  ['gemma3:1b', 'gemma3', 999_885_952, 'google/gemma-3-1b-it'],
  ['phi3:mini', 'phi3', 3_821_079_552, 'microsoft/Phi-3-mini-4k-instruct'],
  ['phi4:14b', 'phi3', 14_659_507_200, 'microsoft/phi-4'],
  // It sees pictures; its positions are stretched; nobody published it; its family is another.
  ['gemma3:4b', 'gemma3', 4_299_915_632, null],
  ['phi4-mini', 'phi3', 3_836_021_856, null],
  ['mine', 'qwen2', 900_000_000, null],
  ['mamba', 'mamba', 494_032_768, null],
  ['unknown', 'qwen2', 0, null],
])('%s (%s of %d)', (names, family, parameters, hub) => expect(exact(family, parameters, names)).toBe(hub));

test.each<[string, string, string, string | null]>([
  ['qwen2.5:0.5b', 'qwen2', '494.03M', 'Qwen/Qwen2.5-0.5B-Instruct'],
  ['qwen2.5:1.5b', 'qwen2', '1.5B', 'Qwen/Qwen2.5-1.5B-Instruct'],
  ['llama3.2', 'llama', '3.2B', 'meta-llama/Llama-3.2-3B-Instruct'],
  ['phi3:mini', 'phi3', '3.8B', 'microsoft/Phi-3-mini-4k-instruct'],
  ['phi4-mini', 'phi3', '3.8B', null],
  ['odd', 'qwen2', 'many', null],
])('%s (%s of about %s)', (names, family, size, hub) => expect(rounded(family, size, names)).toBe(hub));
