import type { Command } from 'commander';
import { connectApi } from './connection.ts';

interface Alpha {
  alpha: number | null;
  answers: number;
  values: number;
  pairs: number;
}

interface Agreement {
  ratings: Alpha;
  scores: Alpha;
  pairs: {
    raters: string[];
    ratings: number;
    equal_ratings: number;
    scores: number;
    mean_score_difference: number | null;
  }[];
  raters: {
    rater: string;
    ratings: number;
    up: number;
    scores: number;
    mean_score: number | null;
    again: {
      ratings: number;
      equal_ratings: number;
      consistency: number | null;
      scores: number;
      mean_score_difference: number | null;
    };
  }[];
}

/** Adds `ratchet review`. */
export function registerReview(program: Command): void {
  const review = program.command('review').description('how far those who rate agree');
  review
    .command('agreement')
    .description('how far raters agree, with each other (Krippendorff’s alpha) and with themselves')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print the figures as JSON')
    .action(async ({ url, json }: { url?: string; json?: boolean }) => {
      const found = await connectApi(url).api.get<Agreement>('/api/review/agreement');
      process.stdout.write(json === true ? `${JSON.stringify(found, null, 2)}\n` : shown(found));
    });
}

function shown({ ratings, scores, pairs, raters }: Agreement): string {
  if (raters.length === 0) return 'Nobody has rated or scored anything yet: start with "ratchet rate".\n';
  const lines = [alphaLine('ratings', ratings), alphaLine('scores', scores), ''];
  for (const one of raters) {
    const scored = one.scores > 0 ? `, ${one.scores} scores (mean ${figure(one.mean_score)})` : '';
    lines.push(`${one.rater}  ${one.ratings} ratings, ${one.up} of them up${scored}${againText(one.again)}`);
  }
  if (pairs.length > 0) lines.push('');
  for (const one of pairs) {
    const rated = one.ratings > 0 ? `${one.equal_ratings} of ${one.ratings} ratings equal` : '';
    const scored = one.scores > 0 ? `${one.scores} scores ${figure(one.mean_score_difference)} apart` : '';
    lines.push(`${one.raters.join(' and ')}  ${[rated, scored].filter(Boolean).join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function alphaLine(what: string, { alpha, answers, values, pairs }: Alpha): string {
  if (alpha !== null) return `alpha of ${what}  ${figure(alpha)}  (${values} on ${answers} answers, ${pairs} pairs)`;
  const reason = pairs === 0 ? 'no answer has two' : 'all are the same';
  return `alpha of ${what}  not to be told: ${reason}`;
}

function againText({
  ratings,
  equal_ratings: equal,
  scores,
  mean_score_difference: apart,
}: Agreement['raters'][number]['again']) {
  const rated = ratings > 0 ? `; asked again, ${equal} of ${ratings} ratings equal the first` : '';
  return rated + (scores > 0 ? `; ${scores} scores ${figure(apart)} from the first` : '');
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}
