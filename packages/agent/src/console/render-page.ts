import { cutTo, formatDuration, formatSize, padTo, plain, widthOf } from './text-layout.ts';
import type { Texts } from './texts.ts';

/** All that the terminal page shows. */
export interface AgentView {
  readonly version: string;
  readonly port: number;
  /** Undefined when it was used or has expired. */
  readonly code: { readonly code: string; readonly leftMs: number } | undefined;
  readonly pages: readonly { readonly origin: string; readonly connected: boolean }[];
  readonly folders: readonly string[];
  readonly recordings: readonly {
    /** Empty for the mix. */
    readonly account: string;
    readonly file: string;
    readonly durationMs: number;
    readonly sizeBytes: number;
  }[];
}

/**
 * Lays the page out.
 * @param log - newest last; as many as fit are shown
 * @returns one string for each line of the terminal
 */
export function renderPage(
  view: AgentView,
  log: readonly string[],
  { columns, rows, texts }: { readonly columns: number; readonly rows: number; readonly texts: Texts },
): string[] {
  const { code, pages, folders, recordings } = view;
  const labels = [texts.code, texts.pages, texts.folders];
  const labelWidth = Math.max(...labels.map(widthOf)) + 2;
  const labelled = (label: string, values: readonly string[]) =>
    values.map((value, index) => `${padTo(index === 0 ? label : '', labelWidth)}${value}`);

  const lines = [
    `Aircheck Agent ${view.version} · ${texts.listening(view.port)}   ${texts.keys}`,
    '',
    ...labelled(texts.code, [
      code === undefined ? texts.codeVoid : `${code.code}   ${texts.codeValid(formatDuration(code.leftMs))}`,
    ]),
    ...labelled(
      texts.pages,
      pages.length === 0
        ? [texts.noPages]
        : pages.map(({ origin, connected }) => `${origin}${connected ? ` (${texts.connected})` : ''}`),
    ),
    ...labelled(texts.folders, folders),
    '',
    texts.recordings,
    ...recordingLines(recordings, texts),
    '',
    texts.log,
  ];
  const room = Math.max(3, rows - lines.length - 1);
  lines.push(...log.slice(-room).map((line) => `  ${line}`));
  return lines.map((line) => cutTo(plain(line), columns)).slice(0, rows - 1);
}

function recordingLines(recordings: AgentView['recordings'], texts: Texts): string[] {
  if (recordings.length === 0) return [`  ${texts.noRecordings}`];
  const names = recordings.map(({ account }) => (account === '' ? texts.everybody : account));
  const width = Math.max(...names.map(widthOf));
  return recordings.map(({ durationMs, sizeBytes, file }, index) => {
    const time = formatDuration(durationMs).padStart(8);
    return `  ● ${padTo(names[index]!, width)} ${time} ${formatSize(sizeBytes).padStart(9)}  ${file}`;
  });
}
