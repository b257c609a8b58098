import type { Asset, Derivative, Job, PlayUrls } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { CheckIcon, DownloadIcon, ImageIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { DeleteDerivative } from './versions-tab.tsx';

interface PicturesTabProps {
  readonly asset: Asset;
  readonly urls: PlayUrls | undefined;
  readonly derivatives: readonly Derivative[];
  readonly jobs: readonly Job[];
}

/** Cover candidates, snapshots and sprites; one of the first two is the cover. */
export function PicturesTab({ asset, urls, derivatives, jobs }: PicturesTabProps) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const [asked, setAsked] = useState<string>();
  const busy = (type: string) =>
    asked === type || jobs.some((job) => job.type === type && (job.state === 'waiting' || job.state === 'running'));
  const make = async (type: 'cover' | 'sprite') => {
    setAsked(type);
    try {
      await libraryApi.createJob({ type, fileId: asset.fileId });
      await queryClient.invalidateQueries({ queryKey: ['jobs'] });
    } catch (error) {
      showProblem(error);
    }
    setAsked(undefined);
  };
  const setCover = async (coverId: string | null) => {
    try {
      const updated = await libraryApi.updateAsset(asset.fileId, { coverId });
      queryClient.setQueryData(queryKeys.asset(asset.fileId), updated);
      await queryClient.invalidateQueries({ queryKey: queryKeys.playUrls(asset.fileId) });
      void message.success(t('pictures.coverSet'));
    } catch (error) {
      showProblem(error);
    }
  };
  const pictures = derivatives.filter(({ kind }) => kind === 'cover' || kind === 'snapshot');
  const sprites = derivatives.filter(({ kind }) => kind === 'sprite');
  const urlOf = ({ derivativeId }: Derivative) =>
    urls?.images.find((image) => image.derivativeId === derivativeId)?.url;
  return (
    <div className="stack">
      <div className="row">
        <Button
          loading={busy('cover')}
          disabled={asset.state !== 'ready'}
          onClick={() => void make('cover')}
          data-testid="make-covers"
        >
          {t('pictures.makeCovers')}
        </Button>
        <Button loading={busy('sprite')} disabled={asset.state !== 'ready'} onClick={() => void make('sprite')}>
          {t('pictures.makeSprite')}
        </Button>
      </div>
      {pictures.length + sprites.length === 0 ? (
        <EmptyState icon={<ImageIcon size={26} />} title={t('pictures.emptyTitle')} text={t('pictures.emptyText')} />
      ) : (
        <ul className="picture-grid">
          {pictures.map((picture) => (
            <Picture
              key={picture.derivativeId}
              picture={picture}
              url={urlOf(picture)}
              isCover={picture.derivativeId === asset.coverId}
              onCover={() => void setCover(picture.derivativeId)}
            />
          ))}
          {sprites.map((sprite) => (
            <Picture key={sprite.derivativeId} picture={sprite} url={urlOf(sprite)} isCover={false} />
          ))}
        </ul>
      )}
    </div>
  );
}

interface PictureProps {
  readonly picture: Derivative;
  readonly url: string | undefined;
  readonly isCover: boolean;
  readonly onCover?: () => void;
}

function Picture({ picture, url, isCover, onCover }: PictureProps) {
  const { t, format } = useLibraryI18n();
  const { info, kind } = picture;
  const name =
    kind === 'sprite'
      ? t('pictures.sprite', { count: info.tiles ?? 0 })
      : info.timeOffsetMs === undefined
        ? t(`kind.${kind}` as 'kind.cover')
        : format.timecode(info.timeOffsetMs);
  return (
    <li className="picture" data-cover={isCover} data-testid={`picture-${kind}`}>
      {url === undefined ? <span className="picture-none" /> : <img src={url} alt={name} loading="lazy" />}
      <div className="picture-bar">
        <span className="figures small">{name}</span>
        <div className="spacer" />
        {isCover ? (
          <span className="badge" data-tone="ok">
            <CheckIcon size={13} />
            {t('kind.cover')}
          </span>
        ) : (
          onCover !== undefined && (
            <Button size="small" type="text" onClick={onCover}>
              {t('pictures.useAsCover')}
            </Button>
          )
        )}
        <Button
          size="small"
          type="text"
          icon={<DownloadIcon size={15} />}
          aria-label={`${t('player.download')} ${name}`}
          href={url ?? ''}
          disabled={url === undefined}
          download
        />
        <DeleteDerivative derivative={picture} name={name} />
      </div>
    </li>
  );
}
