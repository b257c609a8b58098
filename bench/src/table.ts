import type { Spread } from './process-usage.ts';

/** What a benchmark gives out: a Markdown table, and how to get it again. */
export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What one must know to read the figures. */
  readonly notes: readonly string[];
}

export interface Benchmark {
  /** Name on the command line. */
  readonly name: string;
  readonly about: string;
  /** @param arg - what follows the name behind `=`, where something does */
  run(progress: (text: string) => void, arg: string | undefined): Promise<Report>;
}

export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function spread({ median, min, max }: Spread): string {
  return `${number(median)} (${number(min)}..${number(max)})`;
}

export function markdown(report: Report, command: string): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## ${report.title}`,
    '',
    `\`${command}\``,
    '',
    line(report.columns),
    line(report.columns.map((_, column) => (column === 0 ? '---' : '--:'))),
    ...report.rows.map(line),
    '',
    ...report.notes.map((note) => `- ${note}`),
    ...(report.notes.length > 0 ? [''] : []),
  ].join('\n');
}
