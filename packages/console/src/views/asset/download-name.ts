import type { Asset } from '@aircheck/protocol';

/** The file's name with the extension of what it is, without what file systems do not take. */
export function downloadName({ fileName, mimeType }: Pick<Asset, 'fileName' | 'mimeType'>): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const name = fileName.replace(/[\u0000-\u001f\\/:*?"<>|]/g, '_');
  // An uploaded file has its extension; one of a recording has none, or the right one.
  if (/\.[a-z0-9]{2,4}$/i.test(name)) return name;
  return `${name}${mimeType.includes('webm') ? '.webm' : '.mp4'}`;
}
