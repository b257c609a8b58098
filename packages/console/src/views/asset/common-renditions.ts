import type { Derivative } from '@aircheck/protocol';

/**
 * Of each template by which every one of the files has a rendition, the newest one of the first file: those are what a
 * clip or a joined file can be made of.
 * @param derivativesOf - the derivatives of a file, oldest first; asked for file by file, and no more once nothing is left
 */
export async function commonRenditions(
  fileIds: readonly string[],
  derivativesOf: (fileId: string) => Promise<readonly Derivative[]>,
): Promise<Derivative[]> {
  let common: Derivative[] | undefined;
  for (const fileId of fileIds) {
    const made = newestRenditions(await derivativesOf(fileId));
    common = common?.filter(({ definition }) => made.some((one) => one.definition === definition)) ?? made;
    if (common.length === 0) break;
  }
  return common ?? [];
}

/** Of each template the newest rendition, in the order of the templates. @param derivatives - oldest first */
export function newestRenditions(derivatives: readonly Derivative[]): Derivative[] {
  const renditions = derivatives.filter(({ kind }) => kind === 'rendition');
  const newest = new Map(renditions.map((rendition) => [rendition.definition, rendition]));
  return [...newest.values()].sort((one, other) => one.definition - other.definition);
}
