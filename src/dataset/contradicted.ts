import type { LeftOutRow } from '../core/dataset.ts';
import type { AnswerRef } from '../store/types.ts';

/** The answers that a row, a pair or a bad answer is of: `<completion>.<choice>`, of a preference the better one first. */
export function answersIn(id: string): AnswerRef[] {
  return id.split('>').map((answer) => {
    const point = answer.lastIndexOf('.');
    return { completionId: answer.slice(0, point), choice: Number(answer.slice(point + 1)) };
  });
}

/** The answers that were set aside as contradictions, each with the one that it contradicts: of a preference its worse one. */
export function contradictedIn(leftOut: readonly LeftOutRow[]): { answer: AnswerRef; other: AnswerRef }[] {
  return leftOut.flatMap(({ id, reason, of }) => {
    if (reason !== 'contradiction') return [];
    const [answer, worse] = answersIn(id);
    const [opposite] = of === undefined ? [] : answersIn(of);
    const other = worse ?? opposite;
    return answer && other ? [{ answer, other }] : [];
  });
}
