import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { fakeSecrets } from './fixtures/fake-secrets.ts';
import { type RedactionKind, type Region, redactionKinds } from './kind.ts';
import { type RedactorOptions, createRedactor } from './redactor.ts';

function redact(text: string, options: RedactorOptions = {}): string {
  return createRedactor(options).redact([text]).texts[0] ?? '';
}

describe('what is redacted', () => {
  test.each<[RedactionKind, string, string]>([
    ['email', 'Write to Bob.Smith+x@Mail.example.co.uk.', 'Write to [EMAIL_1].'],
    ['email', '<a href="mailto:anna@example.org?x">', '<a href="mailto:[EMAIL_1]?x">'],
    ['email', 'メールはtaro@example.jpです', 'メールは[EMAIL_1]です'],
    ['email', 'jörg.müller@bücher.example', '[EMAIL_1]'],
    ['email', String.raw`"\nann@example.com"`, String.raw`"\n[EMAIL_1]"`],
    ['email', '?to=ann%40example.com&x=1', '?to=[EMAIL_1]&x=1'],
    ['card', 'Card 4111 1111 1111 1111 12/27', 'Card [CARD_1] 12/27'],
    ['card', 'amex:3782-822463-10005;', 'amex:[CARD_1];'],
    ['card', 'カード5555555555554444です', 'カード[CARD_1]です'],
    ['iban', 'an DE89 3704 0044 0532 0130 00 und', 'an [IBAN_1] und'],
    ['iban', 'GB82WEST12345698765432.', '[IBAN_1].'],
    ['iban', 'nl91-abna-0417-1643-00', '[IBAN_1]'],
    ['ip', 'from 81.2.69.160:443', 'from [IP_1]:443'],
    ['ip', 'http://[2a00:1450:4001:829::200e]/', 'http://[[IP_1]]/'],
    ['ip', 'at fe80::1%eth0', 'at [IP_1]'],
    ['phone', 'Ring +49 (0) 30 1234567 now', 'Ring [PHONE_1] now'],
    ['phone', 'Ring (212) 555-0134 x12', 'Ring [PHONE_1]'],
    ['phone', 'Tel.: 030 / 123 45 67', 'Tel.: [PHONE_1]'],
    ['phone', '電話は080-9141-7776です', '電話は[PHONE_1]です'],
    ['secret', 'https://ann:s0mmer@db.example/x', 'https://ann:[SECRET_1]@db.example/x'],
    ['secret', 'DB_PASSWORD=aB3$kLm9Qz', 'DB_PASSWORD=[SECRET_1]'],
    ['secret', 'my password is aB3$kLm9Qz, ok?', 'my password is [SECRET_1], ok?'],
    ['secret', '{"apiKey": "8f14e45fceea167a"} is it', '{"apiKey": "[SECRET_1]"} is it'],
  ])('%s: %s', (kind, text, expected) => {
    expect(redact(text, { kinds: [kind] })).toBe(expected);
    expect(redact(text)).toBe(expected);
    expect(redact(text, { kinds: redactionKinds.filter((other) => other !== kind) })).not.toBe(expected);
  });

  test.each(Object.entries(fakeSecrets(7)))('the form of a token: %s', (maker, token) => {
    expect(redact(`use ${token} here`), maker).toBe('use [SECRET_1] here');
    expect(redact(`const key = "${token}";`), maker).toBe('const key = "[SECRET_1]";');
  });

  test.each<[Region, string]>([
    ['DE', '030 1234567'],
    ['DE', '(03449) 78690'],
    ['FR', '04 15 39 15 00'],
    ['US', '206.269.0743'],
    ['ES', '612 345 678'],
    ['IT', '3420837783'],
    ['JP', '03-1234-5678'],
    ['BR', '(11) 91234-5678'],
    ['NL', '0837 783533'],
    ['GB', '020 7946 0018'],
  ])('a national number where the region %s is set: %s', (region, number) => {
    expect(redact(`so ${number} then`, { region })).toBe('so [PHONE_1] then');
  });
});

describe('what stays', () => {
  test.each([
    'version 1.2.3.4 and v10.0.1.25, section 3.4.5.6, Chrome/120.0.0.0',
    'listen on 127.0.0.1:8080, 0.0.0.0 or ::1, mask 255.255.255.0, 2001:db8::1',
    'std::vector<int> a::b at 12:30:45 from 00:1B:44:11:3A:B7',
    'logo@2x.png, git@github.com:a/b.git, @types/node@24.1.0, @media, a @ b',
    'on 2024-01-15 10:30, from 1999-2004, 15.01.2024, 01/02/2024',
    'order 2125550134, invoice no. 4111111111111111, ISBN 978-3-16-148410-0',
    'in 1700000000 or 1700000000123, costs 1.234.567 or $2125550134',
    '550e8400-e29b-41d4-a716-446655440000 d41d8cd98f00b204e9800998ecf8427e',
    'pi is 3.14159265358979, and 52.5200066 13.4049540 lies in Berlin',
    '4111 1111 1111 1112 and DE89370400440532013001 have wrong check digits',
    'password = getPassword(user), token: tokens[0], apiKey: process.env.API_KEY_2',
    'the password is required, secret: "${SECRET}", token=<your-token-here>, api_key: "your_api_key_1"',
    'https://user:pass@host.example, Authorization: Bearer YOUR_ACCESS_TOKEN',
    'tokenizer = "Qwen2TokenizerFast", passwordHash, secretary: "Ms Brown"',
  ])('%s', (text) => {
    expect(redact(text)).toBe(text);
    expect(redact(text, { region: 'DE' })).toBe(text);
    expect(redact(text, { region: 'US' })).toBe(text);
  });
});

describe('private keys', () => {
  const [begin = '', end = ''] = ['BEGIN', 'END'].map((word) => ['-----', word, ' RSA PRIV', 'ATE KEY-----'].join(''));
  const lines = Array.from({ length: 4 }, (_, at) => 'MIIEow0BAAKCAQ/+'.repeat(4).slice(at));

  test.each([
    ['as a block', [begin, ...lines, end].join('\n')],
    ['in a string of a program', [begin, ...lines, end].join(String.raw`\n`)],
    ['cut off', [begin, ...lines].join('\n')],
    ['with headers', [begin, 'Proc-Type: 4,ENCRYPTED', '', ...lines, end].join('\n')],
  ])('%s', (_, key) => {
    expect(redact(`Here: ${key}`)).toBe('Here: [SECRET_1]');
  });

  it('a header alone says nothing', () => {
    const text = `it begins with "${begin}" and ends with "${end}", as PEM does`;
    expect(redact(text)).toBe(text);
  });
});

describe('placeholders', () => {
  it('are the same for the same value in every text, however it is written', () => {
    const texts = [
      'ann@example.com, +49 30 1234567',
      'ANN@example.com or bob@example.com',
      '+49301234567 / 030 1234567',
    ];
    const { texts: redacted, found } = createRedactor({ region: 'DE' }).redact(texts);
    expect(redacted).toEqual(['[EMAIL_1], [PHONE_1]', '[EMAIL_1] or [EMAIL_2]', '[PHONE_1] / [PHONE_1]']);
    expect(found).toEqual({ email: 3, phone: 3 });
  });

  it('go on behind those that are there, and are new for every conversation', () => {
    const redactor = createRedactor();
    expect(redactor.redact(['[EMAIL_3] wrote', 'ann@example.com']).texts[1]).toBe('[EMAIL_4]');
    expect(redactor.redact(['bob@example.com']).texts).toEqual(['[EMAIL_1]']);
  });

  it('show national numbers of the country that an international number names', () => {
    const said = 'or 030 1234567';
    expect(createRedactor().redact(['+49 170 1234567', said]).texts).toEqual(['[PHONE_1]', 'or [PHONE_2]']);
    expect(redact(said)).toBe(said);
  });

  it('the more specific kind has what two see', () => {
    expect(redact('password: "s4!ann@example.com", card 4111111111111111')).toBe(
      'password: "[SECRET_1]", card [CARD_1]',
    );
    expect(redact('postgres://ann:bob@example.com/x')).toBe('postgres://ann:[SECRET_1]@example.com/x');
  });
});

describe('JSON', () => {
  it('stays JSON, byte for byte where nothing was found', () => {
    const text =
      '{ "to":"ann@example.com",\n "big": 12345678901234567890, "card": 4111111111111111, "k":[1.0,"a\\nb"] }';
    const redacted = redact(text);
    expect(redacted).toBe('{ "to":"[EMAIL_1]",\n "big": 12345678901234567890, "card": "[CARD_1]", "k":[1.0,"a\\nb"] }');
  });

  it('names of fields speak for their values', () => {
    const said = {
      phoneNumber: '0171 1234567',
      order_no: '0171 1234567',
      password: 'aB3$kLm9Qz',
      ['ann@example.com']: 1,
    };
    expect(JSON.parse(redact(JSON.stringify(said)))).toEqual({
      phoneNumber: '[PHONE_1]',
      order_no: '0171 1234567',
      password: '[SECRET_1]',
      '[EMAIL_1]': 1,
    });
  });

  it('in a sentence: a number that was a value becomes a string', () => {
    expect(redact('call {"card": 4111111111111111, "x": 1} now')).toBe('call {"card": "[CARD_1]", "x": 1} now');
  });
});

const valueOf = fc.oneof(
  fc.emailAddress(),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom('+49 30 1234567', '(212) 555-0134', '4111 1111 1111 1111', 'DE89370400440532013000', '0301234567'),
  fc.constantFrom(...Object.values(fakeSecrets(11))),
  fc.constantFrom(
    'password=',
    'token: "',
    'tel ',
    'order ',
    '"',
    '{',
    '}',
    ':',
    ',',
    '[EMAIL_1]',
    '[PHONE_2] ',
    '-',
    '+',
    '\\n',
    '\n',
    '@',
  ),
  fc.string({ maxLength: 12 }),
  fc.stringMatching(/^[\d .()+/-]{0,20}$/),
  fc.json({ maxDepth: 2 }),
);
const textOf = fc.array(valueOf, { maxLength: 12 }).map((parts) => parts.join(' '));
const joined = fc.array(valueOf, { maxLength: 12 }).map((parts) => parts.join(''));
const conversation = fc.array(fc.oneof(textOf, joined), { minLength: 1, maxLength: 4 });

describe('for all texts', () => {
  const regions = fc.constantFrom<Region | undefined>(undefined, 'DE', 'US', 'IT', 'JP');

  it('what was redacted has nothing left to redact', () => {
    fc.assert(
      fc.property(conversation, regions, (texts, region) => {
        const redactor = createRedactor(region === undefined ? {} : { region });
        const once = redactor.redact(texts);
        expect(redactor.redact(once.texts)).toEqual({ texts: once.texts, found: {} });
      }),
      { numRuns: 3000 },
    );
  });

  it('JSON stays JSON', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(valueOf, fc.constant('password')), fc.oneof(valueOf, fc.double(), fc.integer())),
        (value) => {
          const redacted = redact(JSON.stringify(value));
          expect(() => JSON.parse(redacted) as unknown).not.toThrow();
        },
      ),
    );
  });

  it('a value of which each kind is sure is never left, whatever stands around it', () => {
    const sure = ['ann@example.com', '4111 1111 1111 1111', 'DE89370400440532013000', '81.2.69.160', '+49 30 1234567'];
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...sure), fc.string(), (before, value, after) => {
        expect(redact(`${before} ${value} ${after}`)).not.toContain(value);
      }),
      { numRuns: 2000 },
    );
  });
});
