import type { Asset } from '@aircheck/protocol';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { PlayIcon, SoundIcon } from '../../components/icons.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { libraryApi } from '../../library-api.ts';

const linkSeconds = 7_200;
const freshMs = 3_600_000;

/** The picture that stands for a file in lists, with its length. */
export function AssetCover({ asset, large = false }: { asset: Asset; large?: boolean }) {
  const { format } = useI18n();
  const [broken, setBroken] = useState(false);
  const cover = useQuery({
    // Links are made anew when the cover changes.
    queryKey: [...queryKeys.playUrls(asset.fileId), 'cover', asset.coverId],
    queryFn: () => libraryApi.playUrls(asset.fileId, linkSeconds),
    enabled: asset.coverId !== null && asset.state === 'ready' && !asset.banned,
    staleTime: freshMs,
    retry: false,
  });
  const poster = broken ? null : (cover.data?.poster ?? null);
  return (
    <span className="cover" data-audio={asset.video === null} data-large={large}>
      {poster !== null ? (
        <img src={poster} alt="" loading="lazy" onError={() => setBroken(true)} />
      ) : asset.video === null ? (
        <SoundIcon size={large ? 30 : 18} />
      ) : (
        <PlayIcon size={large ? 30 : 16} />
      )}
      {large && <span className="cover-length">{format.duration(asset.durationMs)}</span>}
    </span>
  );
}
