import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { scoreCode, scoreLabelled } from '../../../test/fixtures/redaction/score.ts';

// Made by `make_labelled.py --part dev --seed 3 --count 20 --without-secrets`; `npm run soak -- redaction` has the held-out figures.
const fixture = new URL('../../../test/fixtures/redaction/labelled.jsonl', import.meta.url);

describe('texts in eight locales', () => {
  const score = scoreLabelled(readFileSync(fixture, 'utf8').trimEnd().split('\n'));

  test.each(['email', 'phone_international', 'phone_national', 'card', 'iban', 'ip'])('%s is gone', (kind) => {
    const { values = 0, gone = 0 } = score.recall[kind] ?? {};
    expect(values).toBeGreaterThanOrEqual(80);
    expect(gone / values).toBeGreaterThanOrEqual(0.99);
  });

  it('other numbers stay', () => {
    expect(score.clean.tokens).toBeGreaterThan(3000);
    // Two versions of four numbers that begin with 10, as addresses of a private network do: in 160 texts that is much.
    expect(score.clean.lost / score.clean.tokens).toBeLessThanOrEqual(0.002);
  });
});

describe('the sources of this room', () => {
  it('stay as they are', () => {
    const names = ['redactor', 'phone', 'email', 'secrets/assignments', 'messages'];
    const { clean, found } = scoreCode(
      names.map((name) => readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8')),
      'US',
    );
    expect(clean.tokens).toBeGreaterThan(1000);
    expect({ lost: clean.lost, found }).toEqual({ lost: 0, found: {} });
  });
});
