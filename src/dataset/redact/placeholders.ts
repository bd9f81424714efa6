import type { RedactionKind } from './kind.ts';

const placeholder = /\[(SECRET|IBAN|CARD|EMAIL|IP|PHONE)_(\d{1,6})\]/g;

/** Gives each value of one conversation a placeholder of its own, such as `[EMAIL_2]`. */
export type Placeholders = (kind: RedactionKind, key: string) => string;

/** Placeholders that the texts have already keep their meaning: numbers go on behind them. */
export function createPlaceholders(texts: readonly string[]): Placeholders {
  const last = new Map<string, number>();
  for (const [, label = '', number] of texts.flatMap((text) => [...text.matchAll(placeholder)])) {
    last.set(label, Math.max(last.get(label) ?? 0, Number(number)));
  }
  const given = new Map<string, string>();
  return (kind, key) => {
    const label = kind.toUpperCase();
    const known = given.get(`${label} ${key}`);
    if (known !== undefined) return known;
    const number = (last.get(label) ?? 0) + 1;
    last.set(label, number);
    const made = `[${label}_${number}]`;
    given.set(`${label} ${key}`, made);
    return made;
  };
}
