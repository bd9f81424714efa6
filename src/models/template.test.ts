import { describe, expect, test } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
import { chatTemplates } from './fixtures/chat-templates.ts';
import { sampleChats, stopsOf, toOllamaTemplate } from './template.ts';

const tokens = {
  bos: '<s>',
  eos: '</s>',
  endTokens: ['</s>'],
  addedTokens: new Set(['</s>', '<|im_start|>', '<|im_end|>', '<|eot_id|>', '<end_of_turn>', '<|end|>']),
};

function template(source: string) {
  return createChatTemplate(source, tokens);
}

describe('toOllamaTemplate', () => {
  test('writes ChatML as a person would', () => {
    expect(toOllamaTemplate(template(chatTemplates.ChatML ?? ''))).toBe(
      '{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n' +
        '{{ else if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n' +
        '{{ else if eq .Role "assistant" }}<|im_start|>assistant\n{{ .Content }}<|im_end|>\n' +
        '{{ end }}{{ end }}<|im_start|>assistant\n',
    );
  });

  test("keeps a model's own system text for chats that have none", () => {
    expect(toOllamaTemplate(template(chatTemplates['Qwen 2.5'] ?? ''))).toMatch(
      /^\{\{ if not \.System \}\}<\|im_start\|>system\nYou are Qwen, created by Alibaba Cloud/,
    );
  });

  test('puts the system text into the first question where the model does', () => {
    expect(toOllamaTemplate(template(chatTemplates['Llama 2'] ?? ''))).toContain(
      '[INST] {{ if $system }}<<SYS>>\n{{ $system }}\n<</SYS>>\n\n{{ $system = "" }}{{ end }}{{ .Content }}',
    );
  });

  test('never writes what Go would take for an action', () => {
    const odd = "{% for m in messages %}{{ '{{ ' + m.role + ' }}' + m.content + ';' }}{% endfor %}";
    expect(toOllamaTemplate(template(odd))).toContain('{{ "{{ user }}" }}{{ .Content }}');
  });

  test.each([
    ['writes contents twice', '{% for m in messages %}{{ m.content + m.content }}{% endfor %}'],
    ['writes nothing of them', 'hello'],
    ['changes them', '{% for m in messages %}{{ m.content | upper }}{% endfor %}'],
  ])('refuses a template that %s', (_name, source) => {
    expect(() => toOllamaTemplate(template(source))).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
  });
});

test.each([
  ['ChatML', ['</s>', '<|im_end|>']],
  ['Llama 3', ['</s>', '<|eot_id|>']],
  ['Gemma', ['</s>', '<end_of_turn>']],
  ['Phi 3', ['</s>', '<|end|>']],
  ['Mistral', ['</s>']],
])('an answer of %s ends at %j', (name, stops) => {
  expect(stopsOf(template(chatTemplates[name] ?? ''))).toEqual(stops);
});

test.each([
  ['ChatML', 4],
  ['Gemma', 2],
  ['Mistral', 2],
])('%s is compared on %i chats: those that it does not refuse', (name, count) => {
  expect(sampleChats(template(chatTemplates[name] ?? ''))).toHaveLength(count);
});

test('a BOS token is left to Ollama', () => {
  const llama = template(chatTemplates['Llama 3'] ?? '');
  expect(llama.beginsWithBos).toBe(true);
  expect(llama.render([{ role: 'user', content: 'a' }], true)).toMatch(/^<\|start_header_id\|>user/);
  expect(template(chatTemplates.ChatML ?? '').beginsWithBos).toBe(false);
});

test('a template that is not Jinja is InvalidInput', () => {
  expect(() => template('{% for %}')).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
});
