import { expect, test } from 'vitest';
import { usageTable } from './usage.ts';

const days = { from: '2026-11-01', to: '2026-11-21' };

test('sums are a table with the total below', () => {
  const items = [
    { day: '2026-11-20', key: 'a1', key_name: 'laptop', ...sums(1_200, 3, 4_500_000, 98_765, 12.5) },
    { day: '2026-11-21', key: '', key_name: '', ...sums(2, 0, 10, 5, 0.000012) },
  ];
  const total = sums(1_202, 3, 4_500_010, 98_770, 12.500012);
  expect(usageTable({ ...days, by: ['day', 'key'], items, total })).toBe(
    [
      'day         key     requests  failed  tokens in  tokens out       US$',
      '----------  ------  --------  ------  ---------  ----------  --------',
      '2026-11-20  laptop     1,200       3  4,500,000      98,765     12.50',
      '2026-11-21  -              2       0         10           5  0.000012',
      '----------  ------  --------  ------  ---------  ----------  --------',
      'total                  1,202       3  4,500,010      98,770     12.50',
    ].join('\n'),
  );
});

test('nothing is said in a sentence', () => {
  expect(usageTable({ ...days, by: ['day'], items: [], total: sums(0, 0, 0, 0, 0) })).toBe(
    'Nothing was asked from 2026-11-01 to 2026-11-21.',
  );
});

function sums(requests: number, failures: number, prompt_tokens: number, completion_tokens: number, cost_usd: number) {
  return { requests, failures, prompt_tokens, completion_tokens, cost_usd };
}
