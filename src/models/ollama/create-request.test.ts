import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { managementOf } from '../../core/ollama-options.ts';
import { type WantedModel, toCreateRequest } from './create-request.ts';
import { parseModelfile } from './modelfile.ts';

const { registries } = managementOf();
const digest = `sha256:${'a'.repeat(64)}`;
const other = `sha256:${'b'.repeat(64)}`;
const make = (wanted: Omit<WantedModel, 'model'>) => toCreateRequest({ model: 'mine', ...wanted }, registries);

describe('a Modelfile', () => {
  test('of all instructions becomes a request', () => {
    const modelfile = `# what it is made of
FROM qwen2.5:0.5b
PARAMETER temperature 0.5
parameter num_ctx 4096
PARAMETER stop "<|im_end|>"
PARAMETER stop END
PARAMETER use_mmap true
PARAMETER mirostat 1
TEMPLATE """{{ .System }}
{{ .Prompt }}"""
SYSTEM You are "terse".
LICENSE "MIT"
MESSAGE user Hello
MESSAGE assistant """Good
day"""
RENDERER qwen3
PARSER qwen3
REQUIRES 0.14.0
`;
    expect(make({ modelfile })).toEqual({
      model: 'mine',
      from: 'qwen2.5:0.5b',
      parameters: { temperature: 0.5, num_ctx: 4096, stop: ['<|im_end|>', 'END'], use_mmap: true },
      template: '{{ .System }}\n{{ .Prompt }}',
      system: 'You are "terse".',
      license: ['MIT'],
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Good\nday' },
      ],
      renderer: 'qwen3',
      parser: 'qwen3',
      requires: '0.14.0',
    });
  });

  test.each([
    ['FROM ./tiny.gguf', { './tiny.gguf': digest }, { 'tiny.gguf': 'a'.repeat(64) }],
    [
      'FROM tiny.gguf\r\nFROM mmproj.gguf',
      { 'tiny.gguf': digest, 'mmproj.gguf': other },
      { 'tiny.gguf': 'a'.repeat(64), 'mmproj.gguf': 'b'.repeat(64) },
    ],
    [
      'FROM ./folder/',
      { './folder/config.json': digest, './folder/model.safetensors': other },
      { 'config.json': 'a'.repeat(64), 'model.safetensors': 'b'.repeat(64) },
    ],
    [`FROM ${digest}`, {}, { 'model.gguf': 'a'.repeat(64) }],
    [`FROM @${digest}`, {}, { 'model.gguf': 'a'.repeat(64) }],
  ])('%j is made of uploaded files', (modelfile, files, sent) => {
    expect(make({ modelfile, files })).toEqual({ model: 'mine', files: sent });
  });

  test('an adapter is an uploaded file on a model', () => {
    const request = make({ modelfile: 'FROM tiny\nADAPTER ./lora.gguf', files: { './lora.gguf': digest } });
    expect(request).toEqual({ model: 'mine', from: 'tiny', adapters: { 'lora.gguf': 'a'.repeat(64) } });
  });

  test.each([
    ['/etc/passwd'],
    ['./model.gguf'],
    ['../model'],
    ['~/model'],
    ['~root/model'],
    ['C:\\model.gguf'],
    ['\\\\host\\share'],
    ['model.gguf'],
    ['models/tiny.gguf'],
    ['models/tiny.safetensors'],
    ['file:///etc/passwd'],
    ['http://169.254.169.254/a/b'],
    ['169.254.169.254/a/b'],
    ['localhost:8080/library/x'],
    ['a/b/c/d'],
  ])('FROM %s leads nowhere', (from) => {
    expect(() => make({ modelfile: `FROM ${from}` })).toThrow(RatchetError);
    expect(() => make({ from })).toThrow(/FROM|not allowed/);
    expect(() => make({ modelfile: `FROM tiny\nADAPTER ${from}` })).toThrow(/is no file that was uploaded/);
  });

  test.each([
    ['', 'has no FROM line'],
    ['# nothing\n', 'has no FROM line'],
    ['SYSTEM hello', 'has no FROM line'],
    ['FROM', 'line 1 of the Modelfile: FROM has no value'],
    ['FROM tiny\nRUN rm -rf /', 'line 2 of the Modelfile: "RUN" is none of FROM, ADAPTER'],
    ['FROM tiny\n\nSYSTEM """never closed', 'line 3 of the Modelfile: the quotes are not closed'],
    ['FROM tiny\nMESSAGE robot hi', 'line 2 of the Modelfile: a message begins with system'],
    ['FROM tiny\nPARAMETER temperature hot', 'temperature is "hot": give a number'],
    ['FROM tiny\nPARAMETER num_ctx 1.5', 'num_ctx is "1.5": give a whole number'],
    ['FROM tiny\nPARAMETER use_mmap maybe', 'use_mmap is "maybe": give true or false'],
    ['FROM tiny\nPARAMETER num_cxt 1', 'knows no parameter "num_cxt": use one of num_keep'],
    ['FROM tiny\nPARAMETER __proto__ 1', 'knows no parameter "__proto__"'],
    ['FROM tiny\nFROM small', 'names more than one model'],
    [`FROM tiny\nFROM ${digest}`, 'names more than one model'],
    [`FROM ${digest}\nFROM ${other}`, 'Two files are called model.gguf'],
    [`FROM tiny\nSYSTEM ${'x'.repeat(1_000_000)}`, 'longer than 1000000 characters'],
    [`FROM tiny\n${'PARAMETER stop x\n'.repeat(10_001)}`, 'there are more than 10000 instructions'],
  ])('%j is refused: %s', (modelfile, said) => {
    expect(() => make({ modelfile })).toThrow(said);
  });

  test('whatever the text, it is read or refused with one sentence, and nothing of it is a path', () => {
    const word = fc.constantFrom(
      'FROM ',
      'SYSTEM ',
      'PARAMETER stop ',
      'ADAPTER ',
      '"',
      '"""',
      '\n',
      '#',
      './x',
      '/etc',
      'tiny',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 30 }), (words) => {
        try {
          const { from } = make({ modelfile: words.join('') });
          expect(from ?? 'tiny').toMatch(/^[A-Za-z0-9_][\w.:/-]*$/);
        } catch (error) {
          expect(error).toMatchObject({ code: 'InvalidInput', message: expect.stringMatching(/\.$/) as string });
        }
      }),
    );
  });

  test('a value in three quotes comes through whole', () => {
    const value = fc.string().filter((text) => !/["\r]|\s$/.test(text));
    fc.assert(
      fc.property(value, (text) => {
        const [, system] = parseModelfile(`FROM tiny\nSYSTEM """${text}"""`);
        expect(system?.value).toBe(text);
      }),
    );
  });
});

describe('a model of its parts', () => {
  test('becomes a request, with checked parameters', () => {
    const parameters = { temperature: 0, stop: ['a', 'b'], num_ctx: 2048 };
    expect(make({ from: 'tiny', template: '{{ .Prompt }}', system: 'Be kind.', parameters, quantize: 'q8_0' })).toEqual(
      {
        model: 'mine',
        from: 'tiny',
        template: '{{ .Prompt }}',
        system: 'Be kind.',
        parameters: { temperature: 0, stop: ['a', 'b'], num_ctx: 2048 },
        quantize: 'q8_0',
      },
    );
  });

  test.each([
    [{}, 'Say which model or file it is made of'],
    [{ from: 'tiny', modelfile: 'FROM tiny' }, 'Give "from" in the Modelfile or beside it'],
    [{ from: 'tiny', parameters: { temperature: {} } }, 'temperature is "{}": give a number'],
    [{ from: 'tiny', parameters: { nonsense: 1 } }, 'knows no parameter "nonsense"'],
    [{ from: 'tiny', adapter: '/etc/passwd' }, 'is no file that was uploaded'],
    [{ from: 'x', files: { x: digest, 'y/../z': other }, adapter: 'y/..' }, 'is no file that was uploaded'],
  ])('%j is refused', (wanted, said) => {
    expect(() => make(wanted as Omit<WantedModel, 'model'>)).toThrow(said);
  });

  test('its own name is a name', () => {
    expect(() => toCreateRequest({ model: '../x', from: 'tiny' }, registries)).toThrow('is not a name of a model');
  });
});
