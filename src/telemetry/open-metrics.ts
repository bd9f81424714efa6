/**
 * Prometheus' text format as OpenMetrics 1.0 text: counters are named without their suffix in comments, there are no
 * empty lines, and an end mark says that nothing was cut off. prom-client would rename its metrics for good instead.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map(([, name]) => `${name}_total`));
  const lines = text.split('\n').filter((line) => line !== '');
  return `${lines.map((line) => renameComment(line, counters)).join('\n')}\n# EOF\n`;
}

function renameComment(line: string, counters: ReadonlySet<string>): string {
  return line.replace(/^(# (?:HELP|TYPE) )(\S+)/, (whole, comment: string, name: string) =>
    counters.has(name) ? comment + name.slice(0, -'_total'.length) : whole,
  );
}
