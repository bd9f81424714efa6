import { describe, expect, test } from 'vitest';
import { filesBeside, weightFiles } from './wanted.ts';

const index = (...files: string[]): string =>
  JSON.stringify({ weight_map: Object.fromEntries(files.map((file, at) => [`t${at}`, file])) });

test('of what lies beside the weights, what training needs and the terms', () => {
  const needed = ['LICENSE', 'LICENSE.txt', 'chat_template.jinja', 'config.json', 'tokenizer.json', 'vocab.json'];
  const others = ['README.md', '.gitattributes', 'config.json.bak', 'modeling_x.py', 'training_args.bin', 'LICENSE/x'];
  expect(filesBeside([...others, ...needed])).toEqual(needed);
});

describe('weights', () => {
  test.each<[string, string[], string | null, string[]]>([
    ['one file', ['model.safetensors', 'consolidated.safetensors', 'x.gguf'], null, ['model.safetensors']],
    [
      'those of the index',
      ['a.safetensors', 'b.safetensors', 'model.safetensors'],
      index('b.safetensors'),
      ['b.safetensors'],
    ],
    [
      'all, where nothing says which',
      ['b.safetensors', 'a.safetensors', 'consolidated.safetensors'],
      null,
      ['a.safetensors', 'b.safetensors'],
    ],
  ])('%s', (_, names, text, files) => expect(weightFiles(names, text)).toEqual(files));

  test.each<[string, string[], string | null, string]>([
    ['a pickle', ['pytorch_model.bin'], null, 'pickles'],
    ['GGUF', ['a.gguf', 'a.bin'], null, 'GGUF is not trained'],
    ['an adapter', ['adapter_config.json', 'adapter_model.safetensors'], null, 'add the base that it goes on'],
    ['nothing', ['README.md'], null, 'name a model in Hugging Face layout'],
    ['an index that is none', ['a.safetensors'], '{', 'is not valid'],
    ['an index that leads away', ['a.safetensors'], index('/etc/x.safetensors'), 'is no file of the model'],
    ['a missing part', ['a.safetensors'], index('a.safetensors', 'b.safetensors'), 'It lacks b.safetensors'],
  ])('%s is refused', (_, names, text, said) => expect(() => weightFiles(names, text)).toThrow(said));
});
