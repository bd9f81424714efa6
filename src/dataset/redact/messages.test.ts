import { describe, expect, it } from 'vitest';
import type { Json } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import { redactMessages } from './messages.ts';
import { createRedactor } from './redactor.ts';

const call = (args: Json) => ({ id: 'call_1', type: 'function', function: { name: 'send_mail', arguments: args } });

const messages: WireMessage[] = [
  { role: 'system', content: 'Help ann@example.com.' },
  {
    role: 'user',
    name: 'ann',
    content: [
      { type: 'text', text: 'Mail bob@example.com' },
      { type: 'image_url', image_url: 'x' },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      call('{"to": "BOB@example.com", "card": 4111111111111111, "n": 1.0}'),
      call({ to: 'ann@example.com' }),
      call('to ann@example.com {'),
    ],
  },
  { role: 'tool', tool_call_id: 'call_1', content: '{"sent":["bob@example.com"],"from":"81.2.69.160"}' },
];

describe('messages', () => {
  const redacted = redactMessages(messages, createRedactor());

  it('are redacted in their content and in the arguments of calls, with one numbering', () => {
    expect(redacted.messages).toEqual([
      { role: 'system', content: 'Help [EMAIL_1].' },
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'text', text: 'Mail [EMAIL_2]' },
          { type: 'image_url', image_url: 'x' },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          call('{"to": "[EMAIL_2]", "card": "[CARD_1]", "n": 1.0}'),
          call({ to: '[EMAIL_1]' }),
          call('to [EMAIL_1] {'),
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: '{"sent":["[EMAIL_2]"],"from":"[IP_1]"}' },
    ]);
    expect(redacted.found).toEqual({ email: 6, card: 1, ip: 1 });
  });

  it('stay as they are the second time', () => {
    expect(redactMessages(redacted.messages, createRedactor())).toEqual({ messages: redacted.messages, found: {} });
  });
});
