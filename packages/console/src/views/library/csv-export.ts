import type { Asset, AssetClass } from '@aircheck/protocol';
import type { LibraryTranslate } from '../../i18n/library-i18n.ts';
import { type AssetFilter, libraryApi } from '../../library-api.ts';
import { classPath } from './classes.ts';
import { saveText, toCsv } from './csv.ts';

const pageSize = 200;

/** All files that a filter lets through, page by page. */
export async function allAssets(filter: AssetFilter): Promise<Asset[]> {
  const assets: Asset[] = [];
  let cursor: string | undefined;
  do {
    const page = await libraryApi.assets({ ...filter, limit: pageSize, ...(cursor !== undefined && { cursor }) });
    assets.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return assets;
}

/** Saves a table of files, one a line. */
export function saveAssets(assets: readonly Asset[], classes: readonly AssetClass[], t: LibraryTranslate): void {
  const head = [
    t('facts.fileId'),
    t('library.name'),
    t('library.state'),
    t('asset.source'),
    t('library.class'),
    t('library.tags'),
    t('library.started'),
    t('asset.ended'),
    `${t('library.length')} (ms)`,
    `${t('library.size')} (B)`,
    t('facts.video'),
    t('facts.audio'),
    t('facts.room'),
    t('facts.person'),
    t('asset.recording'),
    'SHA-256',
    t('asset.intro'),
  ];
  const rows = assets.map((asset) => [
    asset.fileId,
    asset.fileName,
    t(`state.${asset.state}`),
    t(`source.of.${asset.source}`),
    classPath(classes, asset.classId, t),
    asset.tags.join('; '),
    asset.startedAt,
    asset.endedAt,
    asset.durationMs,
    asset.sizeBytes,
    asset.video === null ? null : `${asset.video.codec} ${asset.video.width}×${asset.video.height}`,
    asset.audio?.codec ?? null,
    asset.roomId,
    asset.userId,
    asset.recordingId,
    asset.sha256,
    asset.intro,
  ]);
  const day = new Date().toISOString().slice(0, 10);
  saveText(toCsv([head, ...rows]), `aircheck-${day}.csv`, 'text/csv;charset=utf-8');
}
