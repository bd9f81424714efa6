import { expect, test } from 'vitest';
import { createQuotes } from '../core/quotes.ts';
import { type EvaluationLike, withoutForgotten } from './forget.ts';

const said = 'I live at Quillonix Lane 14 in Verbatium.';
const forgotten = { isGone: (id: string) => id === 'gone', quotes: createQuotes([said]) };
const answer = (text: string) => ({ text, scores: { likeness: 0.25 } });

function evaluation(more: Partial<EvaluationLike>): EvaluationLike {
  return { schema: 1, source: 'test', prompts: ['kept', 'gone'], served: {}, means: {}, answers: {}, ...more };
}

test('answers to rows that went and answers that quote it are blank, and scores stay', () => {
  const answers = {
    candidate: [answer(`By the way: ${said}`), answer('anything')],
    base: [answer('fine'), { ...answer('x'), verdicts: [{ reason: 'it says x' }] }],
  };
  expect(withoutForgotten(evaluation({ answers }), forgotten)).toEqual(
    evaluation({
      answers: {
        candidate: [answer(''), answer('')],
        base: [answer('fine'), { ...answer(''), verdicts: [{ reason: '' }] }],
      },
    }),
  );
});

test('what the prompts of a suite are called is not what rows are called', () => {
  const answers = { candidate: [answer('fine'), answer('fine too')] };
  expect(withoutForgotten(evaluation({ source: 'suite', answers }), forgotten)).toBeNull();
});

test('an evaluation that was cleaned before has nothing to go', () => {
  const once = withoutForgotten(evaluation({ answers: { candidate: [answer(said), answer('x')] } }), forgotten);
  expect(once && withoutForgotten(once, forgotten)).toBeNull();
});
