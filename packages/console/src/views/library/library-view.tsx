import type { Asset, AssetList } from '@aircheck/protocol';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Button, Input, Skeleton, Table, type TableProps } from 'antd';
import { lazy, Suspense, useEffect, useState } from 'react';
import { consoleApi, queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { HealthBadge } from '../../components/health-badge.tsx';
import { LibraryIcon, PlayIcon, SearchIcon, SoundIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useMedia } from '../../components/use-media.ts';
import { useI18n } from '../../i18n/i18n.tsx';
import { addressOf, navigate } from '../../router.ts';
import { codecNames } from './codec-names.ts';

const PlayerDrawer = lazy(() => import('./player-drawer.tsx'));

const pageSize = 30;
const refreshMs = 3_000;
const typingPauseMs = 250;

/** All recorded files, newest first. */
export default function LibraryView({ fileId }: { fileId: string | undefined }) {
  const { t } = useI18n();
  const wide = useMedia('(min-width: 1100px)');
  const [typed, setTyped] = useState('');
  const fileNamePrefix = useDelayed(typed.trim());
  const filter = { ...(fileNamePrefix !== '' && { fileNamePrefix }), limit: pageSize };
  const query = useInfiniteQuery({
    queryKey: queryKeys.assets(filter),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }): Promise<AssetList> =>
      consoleApi.assets({ ...filter, ...(pageParam !== '' && { cursor: pageParam }) }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.pages.some(({ items }) => items.some(isGrowing)) ? refreshMs : false),
  });
  const assets = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const total = query.data?.pages[0]?.total;
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{t('library.title')}</h1>
          <p className="muted">
            {total === undefined || total === 0 ? t('library.subtitle') : t('library.count', { count: total })}
          </p>
        </div>
        <Input
          className="search"
          prefix={<SearchIcon />}
          allowClear
          value={typed}
          maxLength={1000}
          placeholder={t('library.search')}
          aria-label={t('library.search')}
          onChange={(event) => setTyped(event.target.value)}
          data-testid="search-files"
        />
      </div>
      {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? (
        <div className="card">
          <Skeleton active paragraph={{ rows: 6 }} title={false} />
        </div>
      ) : assets.length === 0 ? (
        <EmptyState
          icon={<LibraryIcon size={26} />}
          title={t(fileNamePrefix === '' ? 'library.emptyTitle' : 'library.notFoundTitle')}
          text={t(fileNamePrefix === '' ? 'library.emptyText' : 'library.notFoundText')}
        />
      ) : wide ? (
        <AssetTable assets={assets} />
      ) : (
        <div className="asset-cards">
          {assets.map((asset) => (
            <AssetCard key={asset.fileId} asset={asset} />
          ))}
        </div>
      )}
      {query.hasNextPage && (
        <div className="load-more">
          <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()} data-testid="load-more">
            {t('action.more')}
          </Button>
        </div>
      )}
      {fileId !== undefined && (
        <Suspense>
          <PlayerDrawer key={fileId} fileId={fileId} api={consoleApi} onClose={() => navigate(addressOf.library())} />
        </Suspense>
      )}
    </>
  );
}

function AssetTable({ assets }: { assets: readonly Asset[] }) {
  const { t, format } = useI18n();
  const columns: TableProps<Asset>['columns'] = [
    {
      key: 'name',
      title: t('library.name'),
      render: (_, asset) => (
        <div className="asset-name">
          <Thumb asset={asset} />
          <div className="asset-name-text">
            <b className="ellipsis">{asset.fileName}</b>
            <span className="muted small ellipsis">
              {asset.roomId} · {asset.userId}
            </span>
          </div>
        </div>
      ),
    },
    { key: 'started', width: 176, title: t('library.started'), render: (_, asset) => format.dateTime(asset.startedAt) },
    {
      key: 'length',
      width: 92,
      align: 'right',
      title: t('library.length'),
      render: (_, asset) => <span className="figures">{format.duration(asset.durationMs)}</span>,
    },
    {
      key: 'size',
      width: 100,
      align: 'right',
      title: t('library.size'),
      render: (_, asset) => <span className="figures">{format.size(asset.sizeBytes)}</span>,
    },
    { key: 'format', width: 150, title: t('library.format'), render: (_, asset) => <FormatText asset={asset} /> },
    { key: 'state', width: 130, title: t('library.state'), render: (_, { state }) => <StateBadge state={state} /> },
    {
      key: 'health',
      width: 248,
      title: t('library.health'),
      render: (_, { health, state }) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: keeps a click on the badge from opening the row
        // biome-ignore lint/a11y/useKeyWithClickEvents: as above
        <span onClick={(event) => event.stopPropagation()}>
          {state === 'failed' ? '–' : <HealthBadge health={health} />}
        </span>
      ),
    },
  ];
  return (
    <div className="card card-table" data-testid="assets">
      <Table<Asset>
        rowKey="fileId"
        columns={columns}
        dataSource={[...assets]}
        pagination={false}
        tableLayout="fixed"
        onRow={(asset) =>
          ({
            onClick: () => open(asset),
            className: 'asset-row',
            'data-testid': `asset-${asset.fileId}`,
          }) as React.HTMLAttributes<HTMLElement>
        }
      />
    </div>
  );
}

function AssetCard({ asset }: { asset: Asset }) {
  const { format } = useI18n();
  return (
    <article className="card asset-card" data-testid={`asset-${asset.fileId}`}>
      <button type="button" className="asset-card-main" onClick={() => open(asset)}>
        <Thumb asset={asset} />
        <span className="asset-name-text">
          <b className="ellipsis">{asset.fileName}</b>
          <span className="muted small ellipsis">
            {asset.roomId} · {asset.userId} · {format.dateTime(asset.startedAt)}
          </span>
          <span className="muted small">
            {format.duration(asset.durationMs)} · {format.size(asset.sizeBytes)} · <FormatText asset={asset} />
          </span>
        </span>
      </button>
      <footer>
        <StateBadge state={asset.state} />
        {asset.state !== 'failed' && <HealthBadge health={asset.health} />}
      </footer>
    </article>
  );
}

function Thumb({ asset }: { asset: Asset }) {
  return (
    <span className="thumb" data-audio={asset.video === null}>
      {asset.video === null ? <SoundIcon size={18} /> : <PlayIcon size={16} />}
    </span>
  );
}

function FormatText({ asset }: { asset: Asset }) {
  const { video, audio } = asset;
  if (video !== null) {
    return (
      <>
        {codecNames[video.codec]} · {video.height}p{Math.round(video.fps)}
      </>
    );
  }
  return <>{audio === null ? '–' : codecNames[audio.codec]}</>;
}

function open(asset: Asset): void {
  if (asset.state !== 'failed') navigate(addressOf.library(asset.fileId));
}

function isGrowing(asset: Asset): boolean {
  return asset.state === 'recording' || asset.state === 'interrupted';
}

/** A text as it was when typing paused. */
function useDelayed(text: string): string {
  const [delayed, setDelayed] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setDelayed(text), typingPauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return delayed;
}
