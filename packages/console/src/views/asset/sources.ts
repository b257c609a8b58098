import type { Asset, PlayUrls, Template } from '@aircheck/protocol';
import type { LibraryTranslate } from '../../i18n/library-i18n.ts';
import type { PlaySource } from './player.tsx';

/** One form in which a file can be played. */
export interface Source extends PlaySource {
  readonly key: string;
  readonly label: string;
}

/** The number under which jobs `aac` keep what they make, which no template has. */
const aacDefinition = 60;

type Rendition = PlayUrls['renditions'][number];

/** What a file can be played as: the original and each rendition, as a file and as a playlist. */
export function sourcesOf(
  asset: Asset,
  urls: PlayUrls,
  nameOf: (rendition: Rendition) => string,
  t: LibraryTranslate,
): Source[] {
  const kind = asset.mimeType.includes('webm') ? 'WebM' : 'MP4';
  const original = t('player.original');
  const both = (key: string, name: string, url: string, hls: string | null, file: string): Source[] => [
    { key: `${key}:file`, label: `${name} · ${file}`, url, hls: false },
    ...(hls === null ? [] : [{ key: `${key}:hls`, label: `${name} · HLS`, url: hls, hls: true }]),
  ];
  return [
    ...both('original', original, urls.mp4, urls.hls, kind),
    ...urls.renditions.flatMap((rendition) =>
      both(rendition.derivativeId, nameOf(rendition), rendition.url, rendition.hls, 'MP4'),
    ),
  ];
}

/** A rendition by its template and size: `HD · 720p`. */
export function renditionName(
  { definition, info }: Pick<Rendition, 'definition' | 'info'>,
  templates: readonly Template[],
  t: LibraryTranslate,
): string {
  const template = templates.find((one) => one.definition === definition && one.kind === 'transcode');
  const height = info.height ?? info.video?.height;
  const name = definition === aacDefinition ? t('job.aac') : (template?.name ?? `#${definition}`);
  return height === undefined || name.includes(String(height)) ? name : `${name} · ${height}p`;
}
